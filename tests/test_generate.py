"""generate.py: the files it leaves."""

import numpy as np
import pytest
from PIL import Image

from fevgan_jax import media
from fevgan_jax.generate import write_outputs


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
