import io
import os

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError


@pytest.fixture
def ramp():
    """A video of smooth colours that move, `[5, 20, 30, 3]`."""
    time, y, x = np.meshgrid(np.arange(5), np.arange(20), np.arange(30), indexing="ij")
    return np.stack([8 * (x - time) % 240, 12 * y, 40 + 0 * x], axis=-1).astype(np.uint8)


def _frames_of_gif(content):
    image = Image.open(io.BytesIO(content))
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append(np.asarray(image.convert("RGB")))
    return image, np.stack(frames)


def test_gif_plays_every_frame_for_ever(ramp):
    image, frames = _frames_of_gif(media.gif(ramp, fps=25))
    assert frames.shape == ramp.shape
    assert image.info["loop"] == 0
    assert image.info["duration"] == 40


def test_gif_keeps_the_colours(ramp):
    _, frames = _frames_of_gif(media.gif(ramp))
    assert np.abs(frames.astype(int) - ramp).mean() < 4


def test_gif_keeps_its_background_still(ramp):
    ramp[:, :5], ramp[:, 5:10] = 0, ramp[0, 5:10]
    ramp[:, 10:, :, 2] += 20 * np.arange(5, dtype=np.uint8)[:, None, None]
    _, frames = _frames_of_gif(media.gif(ramp))
    assert (frames[:, :5] == 0).all()
    assert (frames[1:, :10] == frames[0, :10]).all()


def test_png_is_lossless(ramp):
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(media.png(ramp[3])))), ramp[3])


def test_enlarging_keeps_the_picture(ramp):
    large = media.enlarge(ramp, 3)
    assert large.shape == (5, 60, 90, 3)
    np.testing.assert_allclose(large[:, 1::3, 1::3].astype(int), ramp, atol=12)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (39, 59)])
@pytest.mark.parametrize("scale", [1, 3, 4])
def test_mp4_shows_the_video(tmp_path, ramp, height, width, scale):
    frames = media.enlarge(ramp, 2)[:, :height, :width]
    path = tmp_path / "new" / "clip.mp4"
    media.write_mp4(path, frames, fps=25, scale=scale)
    assert os.listdir(path.parent) == ["clip.mp4"]
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    assert about["pix_fmt"].startswith("yuv420p(tv, bt709")
    assert about["fps"] == 25
    wanted = media.enlarge(frames, scale)
    columns, rows = about["size"]
    doubled = scale if height * scale % 2 else 0
    assert (rows - wanted.shape[1], columns - wanted.shape[2]) == (doubled, doubled)
    shown = np.stack([np.frombuffer(frame, np.uint8).reshape(rows, columns, 3) for frame in reader])
    shown = shown[:, : wanted.shape[1], : wanted.shape[2]]
    assert len(shown) == 5
    assert np.abs(shown.astype(int) - wanted).mean() < 8


def test_mp4_has_the_colours_that_its_tags_say(tmp_path):
    colour = np.array([200, 90, 40], np.uint8)
    media.write_mp4(tmp_path / "clip.mp4", np.broadcast_to(colour, (3, 64, 64, 3)), fps=25)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "clip.mp4"))
    assert "bt709" in next(reader)["pix_fmt"]
    shown = np.frombuffer(next(reader), np.uint8).reshape(64, 64, 3)
    assert np.abs(shown.astype(int) - colour).max() <= 4


def test_a_folder_in_the_way_of_an_mp4_is_told(tmp_path, ramp):
    (tmp_path / "video.mp4").mkdir()
    with pytest.raises(UserError, match="mp4 is a folder"):
        media.write_mp4(tmp_path / "video.mp4", ramp)
    assert list(tmp_path.iterdir()) == [tmp_path / "video.mp4"]


def test_a_failed_mp4_leaves_nothing(tmp_path, ramp, monkeypatch):
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text("#!/bin/sh\necho 'av_write: No space left on device' >&2\nexit 1\n")
    ffmpeg.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(ffmpeg))
    with pytest.raises(UserError, match=rf"the disk of {tmp_path}/new is full"):
        media.write_mp4(tmp_path / "new" / "clip.mp4", ramp)
    assert not list((tmp_path / "new").iterdir())


def test_strip_goes_from_the_first_frame_to_the_last(ramp):
    row = media.strip(ramp, count=3)
    np.testing.assert_array_equal(row, np.concatenate([ramp[0], ramp[2], ramp[4]], axis=1))
    assert media.strip(ramp, count=8).shape == (20, 5 * 30, 3)


def test_grid_sets_pictures_and_videos_in_place(ramp):
    sheet = media.grid([[ramp, ramp + 1], [ramp + 2]], gap=2)
    assert sheet.shape == (5, 42, 62, 3)
    np.testing.assert_array_equal(sheet[:, :20, 32:], ramp + 1)
    np.testing.assert_array_equal(sheet[:, 22:, :30], ramp + 2)
    assert not sheet[:, 22:, 30:].any()
    assert media.grid([[ramp[0]]]).shape == (20, 30, 3)


def test_webp_keeps_frames_time_and_colours():
    frames = np.zeros((6, 32, 48, 3), np.uint8)
    for t in range(6):
        frames[t, :, 8 * t : 8 * t + 8] = (250, 120, 10)
    with Image.open(io.BytesIO(media.webp(frames, fps=20, scale=2))) as animation:
        assert (animation.n_frames, animation.size) == (6, (96, 64))
        animation.seek(3)
        animation.load()
        assert animation.info["duration"] == 50
        got = np.asarray(animation.convert("RGB").reduce(2), float)
    assert np.abs(got - frames[3]).mean() < 12


def test_a_palette_of_large_frames_serves_all_of_them():
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    columns, rows = np.meshgrid(ramp, ramp)
    frame = np.stack([columns, rows, 0 * rows], -1)
    with Image.open(io.BytesIO(media.gif(np.stack([frame, frame[::-1]])))) as animation:
        got = np.asarray(animation.convert("RGB"), float)
    assert np.abs(got - frame).mean() < 8
