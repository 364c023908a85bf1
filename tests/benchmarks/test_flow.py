"""benchmarks/quality/flow.py: a flow's error as a share of that of no flow."""

import pathlib

import numpy as np
import pytest

from fevgan_jax.animation import model
from fevgan_jax.faces import units
from fevgan_jax.tfds_builders.synthetic_faces import changes, clip, pairs

SIDE = 32
PEOPLE = (40_000_000, 40_000_001)


@pytest.fixture
def flow(monkeypatch):
    folder = pathlib.Path(__file__).parents[2] / "benchmarks" / "quality"
    monkeypatch.syspath_prepend(str(folder))
    import flow

    return flow


def knowing(share):
    """In place of a model: the exact flow times a number, wherever the photo shows the face."""
    exact = {}
    for person in PEOPLE:
        for number in range(3):
            pair = pairs.render_pair(person, number, SIDE)
            seen = pair["visible"] > 0
            # What is hidden may be anything.
            exact[pair["photo"].tobytes()] = np.where(seen, share * pair["flow"], 9.0)
    return lambda face, target, path: model.Frame(exact[face.tobytes()], None, None, None, None)


@pytest.mark.parametrize("share", [0.0, 0.75, 1.0])
def test_the_share_of_doing_nothing(flow, share):
    sums = flow.flow_errors(knowing(share), PEOPLE, 3, SIDE)
    assert sums["all"][:, 1].min() > 0
    found = flow.ratio(sums["all"])
    np.testing.assert_allclose(list(found.values()), 1 - share, atol=2e-3)
    for part in ("photo", "picture"):
        of_part = [sums[kind] for kind in sums if kind.startswith(part)]
        np.testing.assert_allclose(sum(of_part), sums["all"])


def test_the_interval_is_over_people(flow):
    found = flow.ratio(np.array([[1.0, 2.0], [2.0, 2.0]]))
    assert found == {"ratio": 0.75, "low": 0.5, "high": 1.0}


def test_a_face_that_is_left_as_it_is_is_recognised_as_itself(flow):
    none = np.zeros((64, 64, 3), np.float32)
    still = model.Frame(none[..., :2], none[..., 0], none, gate=1.0, teeth=none - 1)
    asked = []

    def move(face, target, path):
        asked.append((target, path))
        return still

    found = flow.recognised(move, PEOPLE[:2], 64)
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_array_equal([target for target, _ in asked[:6]], units.table())
    assert {path for _, path in asked} == {1.0}


def test_a_unit_that_is_not_made_changes_nothing(flow):
    none = np.zeros((64, 64, 3), np.float32)
    still = model.Frame(none[..., :2], none[..., 0], none, gate=1.0, teeth=none - 1)
    found = flow.unit_changes(lambda face, target, path: still, PEOPLE[:1], 64)
    assert tuple(found) == units.NAMES
    assert all(parts[0, 0] == 0 and parts[0, 1] > 0 for parts in found.values())


def test_a_unit_that_is_made_by_half_is_half_the_change(flow, monkeypatch):
    none = np.zeros(52, np.float32)

    def exact(face, target, path):
        change = changes.Change(none, np.zeros(4), target[:52], np.zeros(4), none)
        random = np.random.default_rng(PEOPLE[0])
        picture = pairs.of_change(clip.person(PEOPLE[0]), change, 64, random)["picture"]
        return (0.5 * face + 0.5 * picture).astype(np.uint8)

    monkeypatch.setattr(flow.moving, "draw", lambda stage, frame, onto: np.copyto(onto, frame))
    found = flow.unit_changes(exact, PEOPLE[:1], 64)
    made = [flow.ratio(parts)["ratio"] for parts in found.values()]
    np.testing.assert_allclose(made, 0.5, atol=0.03)
