"""Real processes run the real commands: train, checkpoint, lose one, start again, evaluate."""

import json
import pathlib
import platform
import re
import resource
import types

import jax
import pytest

from fevgan_jax.evaluation import results
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.runtime import processes
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.loop import train
from tests import several, tiny_clips, tiny_config


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_clips.prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def alone(data_dir, tmp_path_factory):
    """The run of a single process, on 8 devices."""
    workdir = tmp_path_factory.mktemp("alone")
    config = tiny_config.get_config()
    config.data.data_dir = str(data_dir)
    train(config, workdir)
    return workdir


def lines(workdir):
    path = workdir / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_resumes_on_other_numbers_of_processes_and_survives_the_loss_of_one(
    alone, data_dir, tmp_path
):
    workdir, log = tmp_path / "run", tmp_path / "log"
    arguments = [f"--workdir={workdir}", "--config=tests/tiny_config.py"]
    arguments.append(f"--config.data.data_dir={data_dir}")

    long = [*arguments, "--config.num_steps=100000"]
    # With several devices per process, one may wait for another's part of a collective, and only
    # the heartbeat, a minute later, ends the process.
    two = several.launch(long, log, count=2)
    several.wait_until((workdir / "checkpoints" / "5").exists, two[0])
    two[1].kill()
    assert several.finish(two, seconds=60)[0] == 1
    assert "another process of this run has stopped: start all of them again" in log.read_text()

    log.write_text("")
    four = several.launch(arguments, log, count=4, then_evaluate=workdir)
    assert several.finish(four) == [0, 0, 0, 0], log.read_text()
    assert "error:" not in log.read_text()

    assert [line["step"] for line in lines(workdir)] == list(range(1, 21))
    for own, expected in zip(lines(workdir), lines(alone), strict=True):
        assert own == pytest.approx(expected, rel=1e-5 if own["step"] == 1 else 1e-3)

    result = results.latest(workdir, "tiny_clips/demo", "test").summary
    expected = evaluate(alone)
    assert result["clips"] == expected["clips"] == 10
    for row, groups in expected["rows"].items():
        for group, metrics in groups.items():
            for name, values in metrics.items():
                assert result["rows"][row][group][name] == pytest.approx(values, rel=1e-4)


def test_unnamed_processes_are_told_which_flags_to_give(monkeypatch):
    def initialize(*_, **__):
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    asked = types.SimpleNamespace(
        distributed=True, coordinator_address=None, num_processes=None, process_id=None
    )
    monkeypatch.setattr(processes.flags, "FLAGS", asked)
    with pytest.raises(UserError, match=r"--coordinator_address=HOST:PORT, --num_processes and"):
        processes.start()


@pytest.mark.parametrize(
    ("environ", "address", "count", "share"),
    [
        ({}, "localhost:1234", 4, "0.188"),
        ({"PATH": "/bin"}, "127.0.0.1:1234", 2, "0.375"),
        ({}, "[::1]:1234", 3, "0.250"),
        ({}, "localhost:1234", 1, None),
        ({}, "node17:1234", 4, None),
        ({}, "", 4, None),
        ({"XLA_PYTHON_CLIENT_MEM_FRACTION": ".4"}, "localhost:1234", 4, None),
        ({"XLA_CLIENT_MEM_FRACTION": ".4"}, "localhost:1234", 4, None),
        ({"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}, "localhost:1234", 4, None),
        ({"CUDA_VISIBLE_DEVICES": "2"}, "localhost:1234", 4, None),
    ],
)
def test_processes_that_share_gpus_share_their_memory(environ, address, count, share):
    expected = {} if share is None else {"XLA_PYTHON_CLIENT_MEM_FRACTION": share}
    assert processes.gpu_memory(environ, address, count) == expected


def test_the_share_is_set_before_jax_starts(monkeypatch):
    monkeypatch.setattr(processes.os, "environ", {})
    asked = types.SimpleNamespace(
        distributed=True, coordinator_address="localhost:1", num_processes=2, process_id=0
    )
    monkeypatch.setattr(processes.flags, "FLAGS", asked)
    seen = []
    monkeypatch.setattr(
        jax.distributed, "initialize", lambda *_, **__: seen.append(dict(processes.os.environ))
    )
    processes.start()
    assert seen == [{"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.375"}]


@pytest.mark.skipif(platform.system() != "Linux", reason="/proc is Linux's")
def test_peak_memory_is_what_the_system_says_in_gib():
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    kib = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
    assert processes.peak_memory_gib() == pytest.approx(kib / 2**20, rel=0.02)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other C library keeps as much")
def test_freed_memory_goes_back_to_the_system():
    def resident():
        return resource.getpagesize() * int(
            pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        )

    taken = [b"x" * size for size in [4000] * 25_000]
    last = taken.pop()  # at the end of the heap, so that the C library keeps the rest
    del taken
    before = resident()
    processes.return_freed_memory()
    assert resident() < before - 50e6
    assert last
