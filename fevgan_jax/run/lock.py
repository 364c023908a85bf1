"""One training to a workdir: the one that writes there holds its lock.

A lock on the file (`flock`) ends with its process, however that ends, so a run that was killed can
be started again at once. Where a file system does not carry such locks from host to host, the
file's heartbeat tells whether a training on another host is alive.
"""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from absl import logging

from fevgan_jax.runtime.errors import UserError

FILE = "training.lock"
BEAT_SECONDS = 10.0
"""Between two touches of the file (choice: far from a load on any file system)."""

PATIENCE_SECONDS = 35.0
"""How long another host's file is watched for a touch (choice: three of them, and some delay)."""


@contextlib.contextmanager
def hold(
    workdir: str | os.PathLike, is_holder: bool = True, patience: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """Keeps other trainings out of a workdir; leaves nothing of the lock behind.

    Args:
      workdir: the run's folder, made when it is missing, and removed if it is still empty then.
      is_holder: whether this process holds the lock for its run; in the others it does nothing.
      patience: seconds to wait for a sign of life from a holder on another host.

    Raises:
      UserError: another training holds it.
    """
    if not is_holder:
        yield
        return
    folder = pathlib.Path(workdir)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _taken(folder / FILE, patience) as handle, _beating(handle):
            yield
    finally:
        with contextlib.suppress(OSError):  # it holds the run
            for each in made:
                each.rmdir()


@contextlib.contextmanager
def _taken(path: pathlib.Path, patience: float) -> Iterator[int]:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            is_locked = _lock(handle, path)
            # Else the holder before has removed the file that was opened here.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                _check_others(path, is_locked, patience)
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_this_process()).encode(), 0)
                try:
                    yield handle
                finally:
                    path.unlink(missing_ok=True)
                return
        finally:
            os.close(handle)


def _lock(handle: int, path: pathlib.Path) -> bool:
    """Whether this process has the lock; False where the file system knows no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _refusal(path) from error
    except OSError:
        return False
    return True


def _check_others(path: pathlib.Path, is_locked: bool, patience: float) -> None:
    """Raises UserError when the file is of a training that lives although it was not locked."""
    holder = _holder(path)
    if not holder or (is_locked and holder["host"] == _this_process()["host"]):
        return
    logging.info(
        "%s is of a training on %s: waiting %.0f s for a sign of life.",
        path,
        holder["host"],
        patience,
    )
    touched, deadline = path.stat().st_mtime_ns, time.monotonic() + patience
    while time.monotonic() < deadline:
        time.sleep(min(1.0, patience / 10))
        # Opened again each time: only then must a network's file system ask its server.
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mtime_ns != touched:
                raise _refusal(path)


@contextlib.contextmanager
def _beating(handle: int) -> Iterator[None]:
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            os.utime(handle)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _this_process() -> dict[str, Any]:
    since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    return {"host": socket.gethostname(), "process": os.getpid(), "since": since}


def _holder(path: pathlib.Path) -> dict[str, Any]:
    """What the holder wrote into the file; nothing where it has not come to that."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    return {}


def _refusal(path: pathlib.Path) -> UserError:
    holder = _holder(path)
    by = "another process"
    if holder:
        by = "process {process} on {host} since {since}".format(**holder)
    return UserError(
        f"{path.parent} is in training by {by}: wait until it has ended or stop it, or choose "
        "another --workdir."
    )
