import dataclasses

import cv2
import numpy as np
import pytest

from fevgan_jax.data import pipeline, prepared
from fevgan_jax.prepare import prepare
from fevgan_jax.runtime import sharding
from fevgan_jax.tfds_builders.synthetic_faces import (
    camera,
    changes,
    clip,
    correspondence,
    gaze,
    head,
    kernels,
    mouth,
    pairs,
    render,
    subject,
)

MODEL = head.load()
SIZE = 64


def _units(**amounts):
    units = np.zeros(len(MODEL.unit_names), np.float32)
    for name, amount in amounts.items():
        units[MODEL.unit_names.index(name)] = amount
    return units


def _pair(shown, units, turn=(0, 0, 0, 0), looks=(0, 0)):
    looks = gaze.look(MODEL.unit_names, *looks)
    change = changes.Change(shown, np.zeros(4), units, np.array(turn, float), looks)
    return pairs.of_change(clip.person(20_000), change, SIZE, np.random.default_rng(0))


def _traced(points, size=SIZE):
    return render.trace(MODEL.mesh, points, camera.oval(points, MODEL), size)


def _points(units, pose=(0, 0, 0, 0), size=SIZE):
    """The vertices [V, 3] in pixels, and the crop that put them there."""
    vertices = clip.person(20_000).vertices
    still = camera.pose(MODEL, vertices, np.zeros(4))
    place = camera.crop(still, MODEL, size, np.random.default_rng(0))
    return place(
        camera.pose(MODEL, vertices + head.displacement(MODEL, units), np.array(pose, float))
    )


def _warped(pair):
    size = len(pair["photo"])
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    x, y = np.moveaxis(pair["flow"].astype(np.float32) * size, -1, 0)
    return cv2.remap(pair["photo"], columns + x, rows + y, cv2.INTER_LINEAR)


def _off_the_edge(pair):
    """Visible pixels [S, S] that no black from outside of either oval is mixed into."""
    size = len(pair["mask"])
    inside = cv2.erode(pair["mask"][..., 0], np.ones((3, 3)))
    lit = (pair["photo"].max(axis=-1) > 0).astype(np.uint8)
    return (
        (inside > 0)
        & (pair["visible"][..., 0] > 0)
        & (_warped(pair | {"photo": cv2.erode(lit, np.ones((5, 5)))}) > 0).reshape(size, size)
    )


def test_no_motion_is_no_flow_and_hides_nothing():
    smile = _units(mouthSmileLeft=0.8, mouthSmileRight=0.8, jawOpen=0.3)
    pair = _pair(smile, smile)
    np.testing.assert_array_equal(pair["photo"], pair["picture"])
    assert np.abs(pair["flow"]).max() < 1e-5
    np.testing.assert_array_equal(pair["visible"], pair["mask"])


def test_a_mouth_shows_its_teeth_in_their_order():
    lips = {"mouthSmile": 0.6, "mouthUpperUp": 1.0, "mouthLowerDown": 2.2}
    apart = {name + side: amount for name, amount in lips.items() for side in ("Left", "Right")}
    pair = _pair(_units(), _units(jawOpen=0.6, **apart))
    kind, (number, edge) = pair["mouth"][..., 0], np.moveaxis(pair["tooth"].astype(float), -1, 0)
    upper, lower = kind == mouth.UPPER, kind == mouth.LOWER
    assert upper.sum() > 15
    assert lower.sum() > 10
    assert (kind == mouth.INSIDE).sum() > 5
    rows = np.indices(kind.shape)[0]
    assert rows[upper].mean() < rows[kind == mouth.INSIDE].mean() < rows[lower].mean()
    assert ((edge > 0) == (upper | lower)).mean() > 0.999
    for row, down in ((upper, -1), (lower, 1)):
        aside, along = row[:, 1:] & row[:, :-1], row[1:] & row[:-1]
        assert (np.diff(number, axis=1)[aside] > 0).mean() > 0.95, "counted to the right"
        assert (down * np.diff(edge, axis=0)[along] > 0).mean() > 0.95, "from the biting edge"
    assert abs(number[upper].mean()) < 0.5, "from the middle"
    bright = pair["picture"].mean(-1)
    assert bright[upper].mean() > 1.5 * bright[kind == mouth.INSIDE].mean()
    assert not _pair(_units(), _units())["tooth"].any()


@pytest.mark.parametrize("size", [32, 64])
def test_a_translation_is_one_flow_everywhere(size):
    points = _points(_units(), size=size)
    moved = _traced(points + np.float32([3, -2, 5]), size)
    flow, visible = correspondence.backward(MODEL.mesh, moved, _traced(points, size))
    face = flow[visible[..., 0] > 0]
    assert len(face) > 0.3 * size**2
    np.testing.assert_allclose(face, np.broadcast_to([-3 / size, 2 / size], face.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("units", "pose"),
    [
        ({}, (0, 6, 0, 0)),
        ({}, (5, 0, -4, 0.2)),
        ({"mouthSmileLeft": 1, "browInnerUp": 1, "jawOpen": 0.5}, (0, 0, 0, 0)),
    ],
)
def test_flow_is_the_projected_vertices_motion(units, pose):
    size = 192
    before, after = _points(_units(), size=size), _points(_units(**units), pose, size)
    flow, visible = correspondence.backward(MODEL.mesh, _traced(after, size), _traced(before, size))
    columns, rows = after[MODEL.landmarks[17:], :2].T[:, None] - np.float32(0.5)
    there = cv2.remap(flow, columns, rows, cv2.INTER_LINEAR)[0]
    seen = cv2.remap(visible, columns, rows, cv2.INTER_LINEAR)[0] == 255
    shown = (before - after)[MODEL.landmarks[17:], :2] / size
    assert seen.sum() > 30
    # Landmarks of the lips lie on the edge to other surfaces.
    wrong = np.abs(there - shown)[seen].max(axis=-1) * size
    assert np.quantile(wrong, 0.8) < 0.1
    assert wrong.max() < 2


@pytest.mark.parametrize(("relit", "bound"), [(False, 2.5), (True, 4.0)])
def test_the_photo_warped_by_the_flow_is_the_picture_where_visible(relit, bound):
    """Mean difference in levels of 255: interpolation, creases and folds; a lamp's shading."""
    even = {"lamp": np.zeros(3, np.float32), "fill": np.full(3, 0.9, np.float32), "gloss": 0.0}
    warped, still = [], []
    for seed in range(24):
        random = np.random.default_rng(seed)
        change = changes.draw(random, MODEL.unit_names)
        who = clip.person(20_000 + seed % 4)
        paint = dataclasses.replace(who.paint, **(subject.light(random) if relit else even))
        pair = pairs.of_change(dataclasses.replace(who, paint=paint), change, 128, random)
        where = _off_the_edge(pair)
        warped.append(np.abs(_warped(pair).astype(float) - pair["picture"])[where].mean())
        still.append(np.abs(pair["photo"].astype(float) - pair["picture"])[where].mean())
    assert np.mean(warped) < bound
    assert np.mean(warped) < 0.35 * np.mean(still)


def _two_squares(left, near, material):
    """A still square of SKIN, and another of the same size whose left edge and nearness vary."""
    square = np.array([[8, 8], [56, 8], [56, 56], [8, 56]], np.float32)
    back = np.column_stack([square, np.zeros(4)])
    front = np.column_stack([square * [0.25, 1] + [left, 0], np.full(4, near)])
    corners = np.array([[0, 3, 2], [0, 2, 1]], np.int32)
    mesh = render.Mesh(
        triangles=np.concatenate([corners, corners + 4]),
        material=np.repeat(np.array([kernels.SKIN, material], np.uint8), 4),
        paint_at=np.zeros((8, 2), np.float32),
        lips=np.zeros(8, np.float32),
        cavity=np.zeros(8, np.float32),
        neighbours=np.zeros((8, 1), np.int32),
    )
    points = np.concatenate([back, front]).astype(np.float32)
    everywhere = np.array([[0, 0], [64, 0], [64, 64], [0, 64]], np.float32)
    return mesh, render.trace(mesh, points, everywhere, 64)


@pytest.mark.parametrize(
    ("near", "material"), [(10.0, kernels.SKIN), (0.1, kernels.EYE)], ids=["nearer", "other"]
)
def test_what_another_surface_covers_in_the_photo_is_hidden(near, material):
    mesh, photo = _two_squares(10, near, material)  # covers columns 12 to 24
    _, picture = _two_squares(30, near, material)  # covers columns 32 to 44
    visible = correspondence.backward(mesh, picture, photo)[1][32, :, 0] > 0
    assert not visible[13:23].any()
    assert visible[9:11].all()
    assert visible[26:31].all()
    assert visible[33:43].all()  # the square itself, seen at its place in the photo
    assert visible[46:55].all()


def test_what_lids_lips_and_a_turn_hide_is_not_visible():
    def seen_at(pair, points, units):
        points = _points(units)[MODEL.landmarks[points], :2].mean(axis=0)
        column, row = np.floor(points).astype(int)
        return pair["visible"][row, column, 0] == 255

    closed = _units(eyeBlinkLeft=1, eyeBlinkRight=1)
    opened, jaw = _units(), _units(jawOpen=0.9)
    eye, mouth, nose = [36, 39], [62, 66], [30]
    assert not seen_at(_pair(closed, opened), eye, opened)
    assert seen_at(_pair(opened, opened), eye, opened)
    assert not seen_at(_pair(opened, jaw), mouth, jaw)
    assert seen_at(_pair(opened, jaw), nose, jaw)
    turned = _pair(opened, opened, turn=(0, 25, 0, 0))
    hidden = (turned["mask"] > 0) & (turned["visible"] == 0)
    left, right = hidden[:, :32].sum(), hidden[:, 32:].sum()
    assert max(left, right) > 10 * max(1, min(left, right))


def test_a_pair_is_a_function_of_its_numbers_and_says_what_it_shows():
    one, same, other = (pairs.render_pair(7, number) for number in (0, 0, 1))
    for name, value in one.items():
        np.testing.assert_array_equal(value, same[name])
    assert one["clip"] != other["clip"]
    assert not np.array_equal(one["photo"], other["photo"])
    assert one["units"].shape == (56,)
    assert one["shown"].shape == (52,)
    assert not np.array_equal(one["shown"], one["units"][:52])


def test_size_changes_no_answer():
    small, large = (pairs.render_pair(8, 2, size) for size in (64, 128))
    np.testing.assert_array_equal(small["units"], large["units"])
    both = (small["visible"] > 0)[..., 0] & (large["visible"][::2, ::2] > 0)[..., 0]
    shrunk = cv2.resize(large["flow"].astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
    assert np.quantile(np.abs(shrunk - small["flow"])[both], 0.98) < 0.5 / 64


def test_closed_eyes_are_closed_and_no_more():
    closed, more = (_pair(_units(), _units(eyeBlinkLeft=blink)) for blink in (1.0, 2.0))
    np.testing.assert_array_equal(closed["picture"], more["picture"])


def test_a_gaze_that_comes_back_is_a_gaze_ahead():
    back = _pair(_units(), gaze.look(MODEL.unit_names, -0.5, 0.25), looks=(0.5, -0.25))
    ahead = _pair(_units(), _units())
    np.testing.assert_array_equal(back["picture"], ahead["picture"])
    assert not np.array_equal(back["photo"], ahead["photo"])
    assert not back["shown"].any()
    eye = _points(_units())[MODEL.landmarks[36:42], :2].mean(axis=0).astype(int)
    assert back["flow"][eye[1], eye[0], 0] > 0.005, "the photo's iris is further to the left"


def test_the_photo_keeps_its_gaze_where_units_do_not_name_it():
    smile = _units(mouthSmileLeft=0.8, mouthSmileRight=0.8)
    kept, ahead = (_pair(_units(), smile, looks=(left, 0)) for left in (0.8, 0))
    eye = _points(_units())[MODEL.landmarks[36:42], :2].mean(axis=0).astype(int)
    around = slice(eye[1] - 2, eye[1] + 3), slice(eye[0] - 4, eye[0] + 5)
    np.testing.assert_allclose(kept["flow"][around], ahead["flow"][around], atol=2e-3)
    assert np.abs(kept["picture"][around].astype(int) - ahead["picture"][around]).max() > 30


def test_a_prepared_set_of_pairs_is_read_as_any_other(tmp_path):
    prepare("synthetic_faces/pairs_tiny", str(tmp_path))
    source = prepared.open_source(str(tmp_path), "synthetic_faces/pairs_tiny", "train")
    assert len(source) == 12
    assert len(prepared.open_source(str(tmp_path), "synthetic_faces/pairs_tiny", "test")) == 4
    wanted = ("photo", "picture", "flow", "visible", "mask", "units", "shown", "path")
    row = source.read(3, wanted)
    subject_name, name = source.names[3]
    expected = pairs.render_pair(int(subject_name[1:]), int(name[-3:]))
    for feature in wanted:
        np.testing.assert_array_equal(row[feature], expected[feature])
        assert row[feature].dtype == expected[feature].dtype
    batches = pipeline.train_batches(
        source, wanted, batch_size=8, seed=0, start_step=0, mesh=sharding.make_mesh()
    )
    batch = next(batches)
    assert batch["flow"].shape == (8, 64, 64, 2)
    assert batch["flow"].dtype == np.float16
    assert batch["path"].dtype == np.float32
    assert source.class_names == ()
