"""A driving clip: units relative to its first frame, whatever reads them."""

import numpy as np
import pytest

from fevgan_jax.animation import drive
from fevgan_jax.faces import mesh, units
from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError


@pytest.fixture
def clip(tmp_path):
    """Five frames of rising brightness; the reader below sees a jaw that opens with it."""
    frames = np.arange(0, 250, 50, dtype=np.uint8)[:, None, None, None].repeat(64, 1).repeat(64, 2)
    media.write_mp4(tmp_path / "clip.mp4", frames.repeat(3, 3), fps=12)
    return tmp_path / "clip.mp4"


def reader(sees):
    """In place of MediaPipe: a jaw as open as the frame is bright, where `sees` says so."""

    def measure(picture):
        mean = float(picture.mean()) / 255
        return {"_neutral": 0.1, "jawOpen": 0.2 + mean} if sees(mean) else None

    return lambda path: measure


def test_units_are_relative_to_the_first_frame(clip, monkeypatch):
    monkeypatch.setattr(mesh, "unit_scores", reader(lambda mean: True))
    fps, changes = drive.read(clip)
    assert fps == 12
    assert changes.shape == (5, 52)
    jaw = changes[:, units.NAMES.index("jawOpen")]
    np.testing.assert_allclose(jaw, np.arange(5) * 50 / 255, atol=0.02)
    assert (np.delete(changes, units.NAMES.index("jawOpen"), axis=1) == 0).all()


def test_a_frame_without_a_face_is_like_the_one_before(clip, monkeypatch):
    monkeypatch.setattr(mesh, "unit_scores", reader(lambda mean: not 0.3 < mean < 0.5))
    _, changes = drive.read(clip)
    np.testing.assert_array_equal(changes[2], changes[1])
    assert changes[3].sum() > changes[1].sum()


def test_a_clip_that_begins_without_a_face_is_refused(clip, monkeypatch):
    monkeypatch.setattr(mesh, "unit_scores", reader(lambda mean: mean > 0.1))
    with pytest.raises(UserError, match=r"clip\.mp4: its first frame shows no face; cut"):
        drive.read(clip)


def test_a_file_that_is_no_video_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh, "unit_scores", reader(lambda mean: True))
    (tmp_path / "clip.mp4").write_text("no video")
    with pytest.raises(UserError, match=r"clip\.mp4 cannot be read as a video"):
        drive.read(tmp_path / "clip.mp4")


def test_a_missing_model_file_is_named(clip):
    pytest.importorskip("mediapipe")
    with pytest.raises(UserError, match=r"missing\.task: there is no such model file"):
        drive.read(clip, str(clip.parent / "missing.task"))
