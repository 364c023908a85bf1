import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from fevgan_jax import prepare, tfds_builders
from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError
from tests import tiny_clips

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def known_sets(tmp_path, monkeypatch):
    """Adds the tiny set to the builders, as a folder."""
    folder = tmp_path / "builders" / "tiny_clips"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "tiny_clips_dataset_builder.py").write_text(
        "from tests.tiny_clips import TinyClips as Builder\n"
    )
    monkeypatch.setattr(
        tfds_builders, "__path__", [*tfds_builders.__path__, str(tmp_path / "builders")]
    )


def _run(program, *arguments):
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def _leftovers(data_dir):
    return [path for path in data_dir.rglob("*") if "incomplete" in path.name]


def test_a_set_is_made_and_can_be_opened(tmp_path):
    made = prepare.prepare("tiny_clips/demo", tmp_path / "new" / "data")
    source = prepared.open_source(tmp_path / "new" / "data", "tiny_clips/demo", "train")
    assert source.builder_dir == made
    assert len(source) == tiny_clips.SUBJECTS * len(tiny_clips.CLASSES)
    assert "array_record" in " ".join(os.listdir(made))


def test_making_a_set_again_changes_nothing(tmp_path, monkeypatch):
    made = prepare.prepare("tiny_clips/demo", tmp_path)
    before = {path: path.stat().st_mtime_ns for path in pathlib.Path(made).iterdir()}
    monkeypatch.setattr(tiny_clips.TinyClips, "_generate_examples", None)
    assert prepare.prepare("tiny_clips/demo", tmp_path) == made
    assert {path: path.stat().st_mtime_ns for path in pathlib.Path(made).iterdir()} == before


def test_the_progress_bar_has_an_eta(tmp_path, monkeypatch, capfd):
    count = tiny_clips.SUBJECTS * len(tiny_clips.CLASSES)
    monkeypatch.setattr(
        tiny_clips.TinyClips,
        "num_clips",
        lambda self: {"train": count, "test": count},
        raising=False,
    )
    prepare.prepare("tiny_clips/demo", tmp_path)
    assert re.search(rf"Generating train .* 0/{count} \[", capfd.readouterr().err)


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        ("nothing", "'nothing': --dataset is one of clip_folder, mug, oulu_casia, synthetic_faces"),
        ("mug", "no data set 'mug': --dataset is one of mug/paper, mug/imaginator, mug/lfdm"),
        ("tiny_clips", "no data set 'tiny_clips': --dataset is one of tiny_clips/demo"),
        ("tiny_clips/other", "no data set 'tiny_clips/other': --dataset is one of tiny_clips/demo"),
    ],
)
def test_an_unknown_set_lists_the_known_ones(tmp_path, dataset, sentence):
    with pytest.raises(UserError, match=sentence):
        prepare.prepare(dataset, tmp_path)
    assert os.listdir(tmp_path) == ["builders"]


def test_a_set_made_from_files_asks_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tiny_clips.TinyClips, "MANUAL_DOWNLOAD_INSTRUCTIONS", "Ask its owners.\n", raising=False
    )
    with pytest.raises(UserError, match=r"--raw_dir\. Ask its owners\."):
        prepare.prepare("tiny_clips/demo", tmp_path)
    for folder in (tmp_path / "nowhere", tmp_path / "builders" / "tiny_clips" / "__init__.py"):
        with pytest.raises(UserError, match=f"{folder} is not a folder"):
            prepare.prepare("tiny_clips/demo", tmp_path, raw_dir=folder)
    prepare.prepare("tiny_clips/demo", tmp_path, raw_dir=tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf"cannot write to {tmp_path}/file"):
        prepare.prepare("tiny_clips/demo", tmp_path / "file")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def fill(self):
        yield from ()
        raise RuntimeError("write() failed: No space left on device; writing some/file")

    monkeypatch.setattr(tiny_clips.TinyClips, "_generate_examples", fill)
    with pytest.raises(UserError, match=rf"the disk of {tmp_path} is full"):
        prepare.prepare("tiny_clips/demo", tmp_path)
    assert not _leftovers(tmp_path)
    with pytest.raises(UserError, match="no prepared set"):
        prepared.open_source(tmp_path, "tiny_clips/demo", "train")


def test_the_next_run_removes_a_killed_runs_files(tmp_path):
    done = _run(
        """
        import os, signal, sys
        from fevgan_jax import prepare, tfds_builders
        from tests import tiny_clips

        def die(self):
            os.kill(os.getpid(), signal.SIGKILL)
            yield

        tfds_builders.__path__.append(sys.argv[1] + "/builders")
        tiny_clips.TinyClips._generate_examples = die
        prepare.prepare("tiny_clips/demo", sys.argv[1])
        """,
        tmp_path,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert _leftovers(tmp_path)
    with pytest.raises(UserError, match="no prepared set"):
        prepared.open_source(tmp_path, "tiny_clips/demo", "train")
    prepare.prepare("tiny_clips/demo", tmp_path)
    assert not _leftovers(tmp_path)


def test_two_at_once_make_one_set(tmp_path):
    made = []
    both = [
        threading.Thread(target=lambda: made.append(prepare.prepare("tiny_clips/demo", tmp_path)))
        for _ in range(2)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(made) == 2
    assert made[0] == made[1]
    assert not _leftovers(tmp_path)


def test_the_command_prints_the_folder(tmp_path):
    done = _run(
        """
        import runpy, sys
        from fevgan_jax import tfds_builders

        tfds_builders.__path__.append(sys.argv.pop(1) + "/builders")
        runpy.run_module("fevgan_jax.prepare", run_name="__main__", alter_sys=True)
        """,
        tmp_path,
        "--dataset=tiny_clips/demo",
        f"--data_dir={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{tmp_path}/tiny_clips/demo/1.0.0"
