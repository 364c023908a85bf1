"""faces/movie.py: frames as a player shows them, and one sentence for a file that is no video."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from fevgan_jax.faces import movie
from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError
from tests import raw_clips


@pytest.fixture
def original(tmp_path):
    media.write_mp4(tmp_path / "original.mp4", raw_clips.frames())
    return tmp_path / "original.mp4"


def converted(original, before=(), after=()):
    file = original.with_name("converted.mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *before, "-i", original, *after, file]
    subprocess.run(command, check=True, capture_output=True)
    return np.stack(list(movie.read(file)[1])).astype(float)


def test_square_pixels_are_read_unchanged(original):
    frames = np.stack(list(movie.read(original)[1]))
    plain = list(imageio_ffmpeg.read_frames(str(original)))[1:]
    assert frames.tobytes() == b"".join(plain)


def test_oblong_pixels_become_square(original):
    frames = converted(original, after=("-vf", "scale=160:240,setsar=2/1"))
    assert frames.shape == raw_clips.frames().shape
    assert np.abs(frames - raw_clips.frames()).mean() < 5


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2)])
def test_a_video_of_a_turned_phone_is_upright(original, degrees, turns):
    frames = converted(original, ("-display_rotation", str(degrees)), ("-c", "copy"))
    expected = np.rot90(raw_clips.frames(), turns, axes=(1, 2))
    assert frames.shape == expected.shape
    assert np.abs(frames - expected).mean() < 5


def test_a_missing_video_is_named(tmp_path):
    with pytest.raises(UserError, match=r"clip\.mp4: there is no such video"):
        movie.read(tmp_path / "clip.mp4")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no video"])
def test_a_file_that_is_no_video_is_one_sentence(tmp_path, content):
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.mp4 cannot be read as a video; save it again"):
        list(movie.read(file)[1])
