"""generate.py: what it makes of a photo, and the files it leaves."""

import numpy as np
import pytest
from PIL import Image

from fevgan_jax import EXPRESSIONS
from fevgan_jax.generate import generate, write_outputs
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.errors import UserError
from tests import experiments


@pytest.fixture(scope="module")
def videos():
    """Two clips in which a bright band moves down."""
    frames = np.zeros((8, 32, 32, 3), np.uint8)
    for t in range(8):
        frames[t, 4 * t : 4 * t + 4] = (250, 120, 10)
    return {"anger": frames, "happiness": frames[::-1]}


def test_write_outputs(videos, tmp_path):
    folder = tmp_path / "new" / "out"
    files = write_outputs(videos, folder)
    names = ["anger.gif", "anger.mp4", "happiness.gif", "happiness.mp4", "strip.png"]
    assert [file.name for file in files] == names
    assert sorted(path.name for path in folder.iterdir()) == names

    with Image.open(folder / "anger.gif") as animation:
        assert (animation.n_frames, animation.size) == (8, (256, 256))
        animation.seek(3)
        frame = np.asarray(animation.convert("RGB").reduce(8), float)
    assert np.abs(frame - videos["anger"][3]).mean() < 10
    assert (folder / "happiness.mp4").read_bytes()[4:8] == b"ftyp"

    sheet = np.asarray(Image.open(folder / "strip.png"))
    assert sheet.shape == (2 * 128, 9 * 128, 3)
    for row, video in enumerate(videos.values()):
        band = sheet[row * 128 : (row + 1) * 128]
        assert band[:, :128].max() > 200, "the name"
        np.testing.assert_array_equal(band[:, 128:], media.enlarge(media.strip(video), 4))


def test_outputs_are_replaced(videos, tmp_path):
    write_outputs(videos, tmp_path)
    still = {"anger": np.full((4, 32, 32, 3), 128, np.uint8)}
    write_outputs(still, tmp_path)
    with Image.open(tmp_path / "strip.png") as sheet:
        assert sheet.size == (5 * 128, 128)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    experiments.untrained_run(experiments.without_frozen_nets(), workdir)
    return workdir


@pytest.fixture
def crop(tmp_path):
    write_atomic(tmp_path / "crop.png", media.png(np.full((64, 64, 3), 90, np.uint8)))
    return tmp_path / "crop.png"


def test_a_crop_makes_all_six_when_none_is_named(run, crop):
    videos = generate(run, crop)
    assert tuple(videos) == EXPRESSIONS
    assert {video.shape for video in videos.values()} == {(32, 64, 64, 3)}
    one = generate(run, crop, ["surprise"])
    np.testing.assert_allclose(one["surprise"].astype(int), videos["surprise"], atol=1)
    assert np.abs(one["surprise"].astype(int) - videos["anger"]).max() > 50


def test_an_unknown_expression_names_the_known_ones(run, crop):
    with pytest.raises(UserError, match=r"no expression 'joy'.*happiness"):
        generate(run, crop, ["joy"])


def test_a_photo_without_a_face_is_named(run, tmp_path):
    write_atomic(tmp_path / "wall.png", media.png(np.full((200, 200, 3), 90, np.uint8)))
    with pytest.raises(UserError, match=r"wall\.png: no face was found"):
        generate(run, tmp_path / "wall.png")
