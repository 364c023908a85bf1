import fcntl
import json
import os
import socket
import time

import pytest

from fevgan_jax.run import lock
from fevgan_jax.runtime.errors import UserError


def test_a_second_training_is_told_of_the_first(tmp_path):
    first = f"process {os.getpid()} on {socket.gethostname()} since 20"
    with lock.hold(tmp_path / "run"):
        for _ in range(2):  # the one that is refused leaves the lock as it is
            refusal = pytest.raises(UserError, match=f"run is in training by {first}")
            with refusal, lock.hold(tmp_path / "run"):
                pass
    with lock.hold(tmp_path / "run"):
        pass


def test_nothing_is_left_of_a_failed_start(tmp_path):
    with pytest.raises(KeyError), lock.hold(tmp_path / "a" / "run"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    (tmp_path / "run").mkdir()
    with pytest.raises(KeyError), lock.hold(tmp_path / "run"):
        raise KeyError
    assert not list((tmp_path / "run").iterdir())


def test_what_a_run_wrote_stays(tmp_path):
    with lock.hold(tmp_path / "run"):
        (tmp_path / "run" / "config.json").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]


def test_only_the_holder_of_a_run_takes_the_lock(tmp_path):
    with lock.hold(tmp_path / "run"), lock.hold(tmp_path / "run", is_holder=False):
        pass


def _leave(workdir, host):
    """What a training that was killed leaves."""
    holder = {"host": host, "process": 1, "since": "2020-01-01 00:00:00+00:00"}
    (workdir / lock.FILE).write_text(json.dumps(holder))


def test_the_lock_of_a_dead_process_is_taken_over_at_once(tmp_path):
    _leave(tmp_path, socket.gethostname())
    start = time.monotonic()
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / lock.FILE).read_text())["process"] == os.getpid()
    assert time.monotonic() < start + 1
    (tmp_path / lock.FILE).write_text("")  # killed before it had written its name
    with lock.hold(tmp_path):
        pass


def test_the_lock_of_another_host_is_taken_over_when_it_does_not_beat(tmp_path):
    _leave(tmp_path, "elsewhere")
    with lock.hold(tmp_path, patience=0.2):
        assert json.loads((tmp_path / lock.FILE).read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("locks", [True, False], ids=["local locks", "no locks"])
def test_a_training_that_beats_is_not_disturbed(tmp_path, monkeypatch, locks):
    """The file system does not carry locks from host to host, or knows none."""

    def flock(*_):
        if not locks:
            raise OSError("Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.05)
    with lock.hold(tmp_path):
        monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
        refusal = pytest.raises(UserError, match="is in training by process")
        with refusal, lock.hold(tmp_path, patience=5):
            pass
        assert (tmp_path / lock.FILE).exists()
