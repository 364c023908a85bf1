"""Where eyes look, and lids that meet."""

import numpy as np
import pytest

from fevgan_jax.tfds_builders.synthetic_faces import clip, expressions, eyes, head

MODEL = head.load()
NAMES = MODEL.unit_names


def _units(**amounts):
    units = np.zeros(len(NAMES), np.float32)
    for name, amount in amounts.items():
        for side in expressions.sides(NAMES, name):
            units[NAMES.index(side)] = amount
    return units


def test_both_eyes_look_the_same_way():
    left_and_up = eyes.look(NAMES, 0.5, 0.25)
    wanted = _units(eyeLookOutLeft=0.5, eyeLookInRight=0.5, eyeLookUp=0.25)
    np.testing.assert_array_equal(left_and_up, wanted)
    right_and_down = eyes.look(NAMES, -0.5, -0.25)
    wanted = _units(eyeLookInLeft=0.5, eyeLookOutRight=0.5, eyeLookDown=0.25)
    np.testing.assert_array_equal(right_and_down, wanted)


def test_an_iris_goes_to_the_side_that_it_looks_to():
    moved = head.displacement(MODEL, eyes.look(NAMES, 1.0, 0.0))
    for eye in MODEL.eyes:
        front = eye[MODEL.average[eye, 2].argsort()[-5:]]
        assert moved[front, 0].mean() > 0.02  # the subject's left is the picture's right


def test_opposite_gazes_are_one():
    aside, smile = eyes.look(NAMES, 0.75, -0.5), _units(mouthSmile=0.5)
    ahead = eyes.one_way(NAMES, aside + smile + eyes.look(NAMES, -0.75, 0.5))
    np.testing.assert_array_equal(ahead, smile)
    across = eyes.one_way(NAMES, np.stack([aside, aside]) + eyes.look(NAMES, -1.0, 0.0))
    np.testing.assert_array_equal(across, [eyes.look(NAMES, -0.25, -0.5)] * 2)


def _opening(person, units):
    """Of each eye, as a share of the neutral one."""
    vertices = clip.person(person).vertices
    gaps = []
    for points in (vertices + head.displacement(MODEL, units), vertices):
        points = points[MODEL.landmarks, 1]
        gaps.append([points[[37, 38]].mean() - points[[40, 41]].mean(),
                     points[[43, 44]].mean() - points[[46, 47]].mean()])  # fmt: skip
    return np.divide(*gaps)


@pytest.mark.parametrize("other", [{}, {"eyeSquint": 0.6}, {"eyeWide": 1.5}, {"eyeLookDown": 1}])
def test_a_whole_blink_closes_every_persons_eyes(other):
    raw, closed = [], []
    for person in range(20):
        asked = _units(eyeBlink=1, **other)
        raw.append(_opening(person, asked))
        units = eyes.closing(MODEL, clip.person(person).vertices, asked)
        closed.append(_opening(person, units))
    np.testing.assert_allclose(closed, 0, atol=1e-3)
    assert np.abs(raw).max() > 0.3, "the head model's own unit does not"


def test_lids_that_nearly_meet_do_not_cross():
    person, most = 4, 0.0  # of narrow eyes
    for squint in np.linspace(0, 2, 9):
        before = _opening(person, _units(eyeSquint=squint))
        asked = _units(eyeSquint=squint, eyeBlink=0.3)
        after = _opening(person, eyes.closing(MODEL, clip.person(person).vertices, asked))
        assert (after > np.minimum(before, 0) - 1e-3).all(), squint
        most = max(most, -_opening(person, asked).min())
    assert most > 0.1, "they would"


def test_a_wink_closes_one_eye():
    vertices = clip.person(3).vertices
    right, left = _opening(3, eyes.closing(MODEL, vertices, _units(eyeBlinkLeft=1)))
    assert right == pytest.approx(1, abs=1e-3)
    assert left == pytest.approx(0, abs=1e-3)


def test_little_blinks_and_other_units_stay_and_more_closes_more():
    vertices = clip.person(21).vertices
    low = _units(eyeBlink=0.3, eyeSquint=0.1, browInnerUp=1.8)
    np.testing.assert_array_equal(eyes.closing(MODEL, vertices, low), low)
    openings = [
        _opening(21, eyes.closing(MODEL, vertices, _units(eyeBlink=amount))).mean()
        for amount in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert (np.diff(openings) < -0.05).all()
