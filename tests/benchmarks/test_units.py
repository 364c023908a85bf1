"""benchmarks/quality/units.py: what counts as risen."""

import pytest

from benchmarks.quality import units
from fevgan_jax import EXPRESSIONS


def _scores(**values):
    names = {name for groups in units.RAISED.values() for group in groups for name in group}
    both = [name + side for name in names for side in ("Left", "Right")]
    return dict.fromkeys([*both, "browInnerUp", "jawOpen", "mouthShrugLower"], 0.1) | values


def test_a_group_has_risen_when_one_of_its_units_has_on_both_sides_together():
    calm = _scores()
    assert not units.group_risen(calm, calm, ("jawOpen",))
    assert units.group_risen(calm, _scores(jawOpen=0.2), ("jawOpen",))
    assert not units.group_risen(calm, _scores(jawOpen=0.14), ("jawOpen",))
    assert not units.group_risen(calm, _scores(mouthSmileLeft=0.19), ("mouthSmile",))
    assert units.group_risen(calm, _scores(mouthSmileLeft=0.3), ("jawOpen", "mouthSmile"))


def test_a_tally_counts_groups_and_both():
    calm = [_scores()] * 3
    apex = [
        _scores(browInnerUp=0.5, jawOpen=0.5),
        _scores(browInnerUp=0.5),
        _scores(jawOpen=0.0),
    ]
    found = units.tally(calm, apex, "surprise")
    assert found["groups"] == {"browInnerUp": 2, "jawOpen": 1}
    assert found["both"] == 1
    assert found["most"]["browInnerUp"] == pytest.approx(0.27)


def test_every_expression_is_measured_and_unread_faces_are_counted():
    seen = []

    def read(picture):
        assert picture.shape == (256, 256, 3)
        seen.append(picture)
        return None if len(seen) == 2 * len(EXPRESSIONS) else _scores()

    found = units.measure(read, 50_000, 1)
    assert found.pop("unread") == 1
    assert {name: each["subjects"] for name, each in found.items()} == {
        name: int(name != EXPRESSIONS[-1]) for name in EXPRESSIONS
    }
