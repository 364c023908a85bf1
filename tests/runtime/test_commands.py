import os
import signal
import threading
import time

import pytest

from fevgan_jax.runtime.commands import Commands, FailedError
from fevgan_jax.runtime.errors import Preempted, UserError

CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Python scripts by name, which stand in for the package's modules."""

    class Scripts(dict):
        def __setitem__(self, name, text):
            super().__setitem__(name, text)
            (tmp_path / "fevgan_jax" / f"{name}.py").write_text(text)

    (tmp_path / "fevgan_jax").mkdir()
    monkeypatch.chdir(tmp_path)  # `python -m` looks there first
    return Scripts()


def test_a_commands_last_line_says_why_it_failed(tmp_path):
    log = tmp_path / "log"
    why = r"main failed with status 2: error: .*nonsense"
    with Commands(1) as commands, pytest.raises(FailedError, match=why):
        commands.run(["main", "--nonsense=1"], log)
    assert log.read_text().startswith("python -m fevgan_jax.main --nonsense=1\n")


@pytest.mark.parametrize("end", ["sys.exit(143)", "os.kill(os.getpid(), 15)"])
def test_a_stopped_command_stops_all(tmp_path, scripts, end):
    scripts["stopped"] = f"import os, sys\n{end}\n"
    scripts["sleep"] = "import time\ntime.sleep(20)\n"
    start = time.monotonic()
    with pytest.raises(Preempted), Commands(min(2, CORES)) as commands:
        commands.each(lambda name: commands.run([name], tmp_path / name), ["stopped", "sleep"])
    assert time.monotonic() - start < 15
    with pytest.raises(Preempted, match="not started"):
        commands.run(["sleep"], tmp_path / "log")


def test_sigterm_is_handed_on_and_nothing_is_started_after_it(tmp_path, scripts):
    scripts["sleep"] = "import time\nprint('here', flush=True)\ntime.sleep(20)\n"
    logs = [tmp_path / name for name in "abc"]
    before = signal.getsignal(signal.SIGTERM)

    def stop():
        while not (logs[0].exists() and "here" in logs[0].read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    start = time.monotonic()
    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(Preempted), Commands(1) as commands:
        commands.each(lambda log: commands.run(["sleep"], log), logs)
    assert time.monotonic() - start < 15
    assert not any(log.exists() and log.read_text() for log in logs[1:])
    assert signal.getsignal(signal.SIGTERM) == before


def test_commands_at_once_share_the_cores(tmp_path, scripts):
    scripts["cores"] = "import os, time\nprint(*os.sched_getaffinity(0))\ntime.sleep(1)\n"
    jobs = min(2, CORES)
    logs = [tmp_path / str(i) for i in range(jobs)]
    with Commands(jobs) as commands:
        commands.each(lambda log: commands.run(["cores"], log), logs)
    shares = [set(map(int, log.read_text().splitlines()[1].split())) for log in logs]
    assert set.union(*shares) == os.sched_getaffinity(0)
    assert sum(map(len, shares)) == CORES


def test_more_jobs_than_cores_are_refused():
    with pytest.raises(UserError, match=rf"{CORES + 1} jobs .* {CORES} cores: give --jobs={CORES}"):
        Commands(CORES + 1)
