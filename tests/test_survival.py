"""What may happen to a run of the real `main`, and that nothing is lost by it."""

import contextlib
import functools
import itertools
import json
import os
import signal
import socket
import subprocess
import time
import types

import pytest

from fevgan_jax.data import prepared
from fevgan_jax.evaluate import evaluate
from fevgan_jax.run import timetable
from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.loop import train
from fevgan_jax.training.samples import Samples
from tests import several, tiny_clips, tiny_config


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_clips.prepare(tmp_path_factory.mktemp("prepared"))


def lines(workdir):
    path = workdir / "metrics.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_three_kills_leave_the_lines_of_an_undisturbed_run(data_dir, tmp_path):
    log, whole, killed = (tmp_path / name for name in ("log", "whole", "killed"))
    saved = killed / "checkpoints"

    def start(workdir):
        arguments = ["--config=tests/tiny_config.py", f"--config.data.data_dir={data_dir}"]
        arguments += [f"--workdir={workdir}", "--config.num_steps=60"]
        return several.launch(arguments, log)[0]

    assert several.finish([start(whole)]) == [0], log.read_text()
    assert "Step 1 is done" in log.read_text()

    run = start(killed)
    several.wait_until(lambda: (saved / "5").exists() and len(lines(killed)) > 5, run)
    run.kill()
    assert several.finish([run]) == [-signal.SIGKILL]
    # A kill may also tear the line that is being written.
    with open(killed / "metrics.jsonl", "a") as file:
        file.write('{"step": 300, "gener')

    run, before = start(killed), len(lines(killed))
    several.wait_until(lambda: len(lines(killed)) > before, run)
    run.terminate()
    assert several.finish([run]) == [143], log.read_text()
    assert max(int(path.name) for path in saved.iterdir()) == len(lines(killed))

    run = start(killed)
    several.wait_until(lambda: any("tmp" in path.name for path in saved.iterdir()), run)
    run.kill()
    assert several.finish([run]) == [-signal.SIGKILL]
    assert len(lines(killed)) < 60

    assert several.finish([start(killed)]) == [0], log.read_text()
    assert [json.loads(line)["step"] for line in lines(whole)] == list(range(1, 61))
    assert lines(killed) == lines(whole)


def test_a_second_training_is_refused_and_the_first_goes_on(data_dir, tmp_path):
    log, refused, run = (tmp_path / name for name in ("log", "refused", "run"))
    arguments = ["--config=tests/tiny_config.py", f"--config.data.data_dir={data_dir}"]
    arguments += [f"--workdir={run}", "--config.num_steps=60", "--config.checkpoint_every=60"]
    (first,) = several.launch(arguments, log)
    several.wait_until(lambda: lines(run), first)
    os.kill(first.pid, signal.SIGSTOP)
    second = several.launch(arguments, refused)
    assert several.finish(second) == [2]
    said = f"error: {run} is in training by process {first.pid} on {socket.gethostname()} since"
    assert said in refused.read_text()
    os.kill(first.pid, signal.SIGCONT)
    assert several.finish([first]) == [0], log.read_text()
    assert [json.loads(line)["step"] for line in lines(run)] == list(range(1, 61))
    assert not list(run.glob("*lock*"))


@pytest.fixture
def config(data_dir):
    config = tiny_config.get_config()
    config.data.data_dir = str(data_dir)
    return config


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(config, tmp_path, monkeypatch):
    mounted = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        config.num_steps, config.checkpoint_every, config.log_every = 4, 2, 100
        monkeypatch.setattr(Samples, "write", lambda *_: _fill(tmp_path))
        config.sample_every = 3
        with pytest.raises(UserError, match=rf"the disk of {tmp_path}\S* is full: free space"):
            train(config, tmp_path / "run")
        (tmp_path / "ballast").unlink()
        assert Checkpoints(tmp_path / "run").latest_step == 2
        monkeypatch.setattr(Samples, "write", lambda *_: None)
        assert int(train(config, tmp_path / "run").step) == 4
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_run_made_longer_writes_the_lines_of_an_undisturbed_longer_one(config, tmp_path):
    config.log_every = 4
    for num_steps in (6, 7, 8, 9, 14):
        config.num_steps = num_steps
        train(config, tmp_path / "longer")
        assert json.loads(lines(tmp_path / "longer")[-1])["step"] == num_steps
    train(config, tmp_path / "whole")
    assert [json.loads(line)["step"] for line in lines(tmp_path / "whole")] == [4, 8, 12, 14]
    assert lines(tmp_path / "longer") == lines(tmp_path / "whole")


def test_a_relative_data_folder_is_found_from_every_other(config, data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(data_dir.parent)
    config.num_steps, config.data.data_dir = 1, data_dir.name
    train(config, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert evaluate("run")["clips"] == 10
    config.num_steps, config.data.data_dir = 2, os.path.relpath(data_dir)
    assert int(train(config, "run").step) == 2


def _fill(folder):
    while not (folder / "run" / "checkpoints" / "2").exists():
        time.sleep(0.01)
    with open(folder / "ballast", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_dead_reader_of_data_stops_the_run(config, tmp_path, monkeypatch):
    original, count = prepared.Source.read, iter(range(1000))

    def read(source, *arguments):
        if source.split == "train" and next(count) > 9:
            raise MemoryError("a reader died")
        return original(source, *arguments)

    monkeypatch.setattr(prepared.Source, "read", read)
    with pytest.raises(MemoryError, match="a reader died"):
        train(config, tmp_path / "run")


def test_checkpoints_may_go_by_the_clock(config, tmp_path, monkeypatch):
    clock = types.SimpleNamespace(perf_counter=time.perf_counter)
    clock.monotonic = functools.partial(next, itertools.count(step=60))
    monkeypatch.setattr(timetable, "time", clock)
    config.num_steps, config.log_every, config.checkpoint_every = 12, 2, 1
    config.checkpoint_minutes = 2.5
    train(config, tmp_path / "run")
    assert sorted(os.listdir(tmp_path / "run" / "checkpoints")) == ["12", "6"]
