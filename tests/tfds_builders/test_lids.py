"""Lids that meet when the eyes blink, whatever else they do."""

import numpy as np
import pytest

from fevgan_jax.faces import units
from fevgan_jax.tfds_builders.synthetic_faces import clip, head, lids

MODEL = head.load()
NAMES = MODEL.unit_names


def _units(**amounts):
    return units.target(amounts)[: len(NAMES)]


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
        units = lids.closing(MODEL, clip.person(person).vertices, asked)
        closed.append(_opening(person, units))
    np.testing.assert_allclose(closed, 0, atol=1e-3)
    assert np.abs(raw).max() > 0.3, "the head model's own unit does not"


def test_lids_that_nearly_meet_do_not_cross():
    person, most = 4, 0.0  # of narrow eyes
    for squint in np.linspace(0, 2, 9):
        before = _opening(person, _units(eyeSquint=squint))
        asked = _units(eyeSquint=squint, eyeBlink=0.3)
        after = _opening(person, lids.closing(MODEL, clip.person(person).vertices, asked))
        assert (after > np.minimum(before, 0) - 1e-3).all(), squint
        most = max(most, -_opening(person, asked).min())
    assert most > 0.1, "they would"


def test_a_wink_closes_one_eye():
    vertices = clip.person(3).vertices
    right, left = _opening(3, lids.closing(MODEL, vertices, _units(eyeBlinkLeft=1)))
    assert right == pytest.approx(1, abs=1e-3)
    assert left == pytest.approx(0, abs=1e-3)


def test_little_blinks_and_other_units_stay_and_more_closes_more():
    vertices = clip.person(21).vertices
    low = _units(eyeBlink=0.3, eyeSquint=0.1, browInnerUp=1.8)
    np.testing.assert_array_equal(lids.closing(MODEL, vertices, low), low)
    openings = [
        _opening(21, lids.closing(MODEL, vertices, _units(eyeBlink=amount))).mean()
        for amount in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert (np.diff(openings) < -0.05).all()
