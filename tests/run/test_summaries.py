import io
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import img_mime_type_detector
from tensorboard.util.tensor_util import make_ndarray

from fevgan_jax.run.event_file import VIDEO_SCALE
from fevgan_jax.run.summaries import Summaries


def _written(workdir):
    """Every summary value of a run's event files, by tag."""
    found = {}
    for path in workdir.glob("events*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found[value.tag] = (event.step, value)
    return found


def _lines(workdir):
    return (workdir / "metrics.jsonl").read_text().splitlines()


def test_video_is_an_image_that_animates(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (6, 16, 24, 3), np.uint8)
    with Summaries(tmp_path) as summaries:
        summaries.videos(7, {"happiness": frames})
    step, value = _written(tmp_path)["happiness"]
    width, height, content = value.tensor.string_val
    picture = Image.open(io.BytesIO(content))
    assert step == 7
    assert value.metadata.plugin_data.plugin_name == "images"
    assert (int(width), int(height)) == picture.size == (24 * VIDEO_SCALE, 16 * VIDEO_SCALE)
    assert picture.n_frames == 6
    assert picture.info["loop"] == 0
    # What TensorBoard's page tells the browser, so that it plays.
    assert img_mime_type_detector.from_bytes(content) == "image/gif"


def test_pictures_numbers_and_words_reach_tensorboard(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    with Summaries(tmp_path) as summaries:
        summaries.hparams(
            {"seed": 1, "loss": {"terms": ["a", "b"], "weight": None}}, "a | b\nc | d"
        )
        summaries.scalars(3, {"loss": 0.5})
        summaries.timings(3, {"steps_per_second": 9.0})
        summaries.images(3, {"strip": picture})
        summaries.text(3, {"note": "some words"})
    found = _written(tmp_path)
    assert make_ndarray(found["loss"][1].tensor) == 0.5
    assert make_ndarray(found["steps_per_second"][1].tensor) == 9.0
    assert found["note"][1].tensor.string_val == [b"some words"]
    assert b"    c | d" in found["parameters"][1].tensor.string_val[0]
    assert any(name.startswith("_hparams_") for name in found)
    content = found["strip"][1].tensor.string_val[2]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), picture)


def test_metrics_hold_numbers_exactly_and_no_timings(tmp_path):
    with Summaries(tmp_path) as summaries:
        summaries.timings(1, {"steps_per_second": 9.0})
        summaries.scalars(1, {"z": np.float32(0.1), "a": 1 / 3, "m": float("nan")})
        # On the disk at once: a kill must not lose it.
        (line,) = _lines(tmp_path)
    assert line == '{"step": 1, "a": 0.3333333333333333, "m": null, "z": 0.10000000149011612}'


def test_cut_back_forgets_later_lines_and_mends_a_torn_one(tmp_path):
    with Summaries(tmp_path) as summaries:
        for step in (10, 20, 30, 40):
            summaries.scalars(step, {"loss": 1 / step})
    before = _lines(tmp_path)
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 20, "lo')
    with Summaries(tmp_path) as summaries:
        summaries.cut_back(30)
        assert _lines(tmp_path) == before[:3]
        summaries.scalars(40, {"loss": 1 / 40})
    assert _lines(tmp_path) == before


def test_cut_back_before_anything_was_written(tmp_path):
    with Summaries(tmp_path / "new") as summaries:
        summaries.cut_back(0)
    assert not (tmp_path / "new" / "metrics.jsonl").exists()


def test_other_processes_write_nothing(tmp_path):
    with Summaries(tmp_path / "run", is_writer=False) as summaries:
        summaries.cut_back(3)
        summaries.hparams({"seed": 1}, "overview")
        summaries.scalars(1, {"loss": 1.0})
        summaries.timings(1, {"rate": 1.0})
        summaries.videos(1, {"clip": np.zeros((2, 4, 4, 3), np.uint8)})
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_keeps_its_lines(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from fevgan_jax.run.summaries import Summaries\n"
        "summaries = Summaries(sys.argv[1])\n"
        "for step in range(5): summaries.scalars(step, {'loss': step / 7})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert [json.loads(line)["loss"] for line in _lines(tmp_path)] == [n / 7 for n in range(5)]
