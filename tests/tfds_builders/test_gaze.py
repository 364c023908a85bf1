"""Where eyes look, in face units."""

import numpy as np

from fevgan_jax.faces import units
from fevgan_jax.tfds_builders.synthetic_faces import gaze, head

MODEL = head.load()
NAMES = MODEL.unit_names


def _units(**amounts):
    return units.target(amounts)[: len(NAMES)]


def test_both_eyes_look_the_same_way():
    left_and_up = gaze.look(NAMES, 0.5, 0.25)
    wanted = _units(eyeLookOutLeft=0.5, eyeLookInRight=0.5, eyeLookUp=0.25)
    np.testing.assert_array_equal(left_and_up, wanted)
    right_and_down = gaze.look(NAMES, -0.5, -0.25)
    wanted = _units(eyeLookInLeft=0.5, eyeLookOutRight=0.5, eyeLookDown=0.25)
    np.testing.assert_array_equal(right_and_down, wanted)


def test_an_iris_goes_to_the_side_that_it_looks_to():
    moved = head.displacement(MODEL, gaze.look(NAMES, 1.0, 0.0))
    for eye in MODEL.eyes:
        front = eye[MODEL.average[eye, 2].argsort()[-5:]]
        assert moved[front, 0].mean() > 0.02  # the subject's left is the picture's right


def test_opposite_gazes_are_one():
    aside, smile = gaze.look(NAMES, 0.75, -0.5), _units(mouthSmile=0.5)
    ahead = gaze.one_way(NAMES, aside + smile + gaze.look(NAMES, -0.75, 0.5))
    np.testing.assert_array_equal(ahead, smile)
    across = gaze.one_way(NAMES, np.stack([aside, aside]) + gaze.look(NAMES, -1.0, 0.0))
    np.testing.assert_array_equal(across, [gaze.look(NAMES, -0.25, -0.5)] * 2)
