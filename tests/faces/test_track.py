"""faces/track.py: one face through a clip."""

import numpy as np
import pytest
from PIL import Image

from fevgan_jax.faces import track
from tests import raw_clips

BLANK = np.full((raw_clips.HEIGHT, raw_clips.WIDTH, 3), raw_clips.WALL, np.uint8)


@pytest.fixture(scope="module")
def finder():
    return track.finder("dlib")


def followed(finder, frames):
    follower = track.Track(finder)
    for frame in frames:
        follower.add(frame)
    return follower.landmarks()


def inner(landmarks):
    """Without the jaw, whose ends differ between dlib and the rendered head."""
    return landmarks[:, 17:]


def test_landmarks_move_as_the_face_does(finder):
    got, true = followed(finder, raw_clips.frames()), raw_clips.landmarks()
    assert got.shape == (5, 68, 2)
    assert got.dtype == np.float32
    assert np.abs(inner(got - true).mean((0, 1))).max() < 6
    moved, truly = (each[-1, 48:60] - each[0, 48:60] for each in (got, true))
    assert np.corrcoef(moved.ravel(), truly.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("scale", [0.6, 3])
def test_landmarks_do_not_depend_on_the_size_of_the_picture(finder, scale):
    first = raw_clips.frames()[0]
    size = round(raw_clips.WIDTH * scale), round(raw_clips.HEIGHT * scale)
    large = np.asarray(Image.fromarray(first).resize(size, Image.Resampling.LANCZOS))
    got = followed(finder, [large])[0] / scale
    assert np.abs(inner((got - followed(finder, [first])[0])[None])).mean() < 1.5


def test_a_face_is_followed_to_where_it_goes(finder):
    # It ends farther from its first position than half a face.
    shifts = [0, 40, 80, 120, 160]
    wide = np.concatenate([raw_clips.frames()[0], BLANK], axis=1)
    frames = [np.roll(wide, shift, axis=1) for shift in shifts]
    got = followed(finder, frames)
    np.testing.assert_allclose((got - got[0]).mean(1)[:, 0], shifts, atol=2)


def test_a_second_face_that_comes_later_is_not_taken(finder):
    frame = raw_clips.frames()[0]
    pair = np.concatenate([frame, frame], axis=1)
    alone = np.concatenate([frame, BLANK], axis=1)
    got = followed(finder, [alone, pair])
    assert np.abs(got[1] - got[0]).max() < 3


@pytest.mark.parametrize("side", [None, 44])
@pytest.mark.parametrize(("shifts", "taken"), [((9, 3, 13), 3), ((-10, 12), -10), ((15,), 0)])
def test_of_several_faces_the_nearest_is_taken_if_it_is_near(side, shifts, taken):
    face = np.linspace(-20, 20, 68, dtype=np.float32)[:, None].repeat(2, axis=1)

    class Crowd:
        WINDOW = side

        def find(self, picture):
            return [face + 100]

        def find_close(self, window):
            assert window.shape == (side or 88, side or 88, 3)
            return [(face + 44 + shift) * len(window) / 88 for shift in shifts]

    (got,) = followed(Crowd(), [np.zeros((200, 200, 3), np.uint8)])
    np.testing.assert_allclose(got.mean(0), 100 + taken, atol=1e-3)


@pytest.mark.parametrize("lost", [1, track.MAX_LOST])
def test_a_few_lost_frames_are_interpolated(finder, lost):
    frames = raw_clips.frames()
    got = followed(finder, [frames[0], *[BLANK] * lost, frames[-1]])
    ends = got[[0, -1]]
    np.testing.assert_allclose(got[1], ends[0] + (ends[1] - ends[0]) / (lost + 1), atol=1e-3)
    got = followed(finder, [frames[0], BLANK])
    np.testing.assert_array_equal(got[1], got[0])


def test_more_lost_frames_are_too_many(finder):
    frames = [raw_clips.frames()[0], *[BLANK] * (track.MAX_LOST + 1)]
    with pytest.raises(track.LostError, match="lost from frame 1 on"):
        followed(finder, frames)


def test_the_first_face_is_the_only_one_and_comes_soon(finder):
    late = [BLANK] * (track.MAX_LOST + 1) + list(raw_clips.frames())
    with pytest.raises(track.LostError, match="no face was found in its first 6 frames"):
        followed(finder, late)
    pair = np.concatenate([raw_clips.frames()[0]] * 2, axis=1)
    with pytest.raises(track.LostError, match="2 faces"):
        followed(finder, [pair])
