"""Commands of this package as child processes, some at once, each on its share of the cores."""

import os
import pathlib
import queue
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent import futures

from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import Preempted, UserError


class FailedError(Exception):
    """A command ended with an error."""


class Commands:
    """Runs commands of this package on some threads, which share the cores among them.

    A context: SIGTERM is handed on to the commands that run; after it, or after an error inside,
    they are stopped and no other is started.

    Args:
      jobs: how many run at once.

    Raises:
      UserError: there are fewer cores than jobs.
    """

    def __init__(self, jobs: int):
        self._running: set[subprocess.Popen] = set()
        self._stopped = False
        self._lock = threading.RLock()  # the handler of SIGTERM may interrupt its holder
        shares = _shares(jobs)
        # The commands that a thread starts have its cores, and XLA as many threads as these.
        self._threads = futures.ThreadPoolExecutor(jobs, initializer=lambda: _take(shares.get()))

    def __enter__(self) -> "Commands":
        self._handler_before = signal.signal(signal.SIGTERM, lambda *_: self._stop())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._stop()
        self._threads.shutdown()
        signal.signal(signal.SIGTERM, self._handler_before)

    def each(self, task: Callable[..., None], inputs: Sequence[object]) -> None:
        """Calls `task` with each input on the threads, and waits for all of them.

        Raises:
          Preempted: a command of theirs was stopped; the others are then stopped as well.
        """
        for done in futures.as_completed([self._threads.submit(task, each) for each in inputs]):
            done.result()

    def run(self, command: Sequence[str], log: pathlib.Path) -> None:
        """Runs a module of this package with its flags, its output at the end of a log.

        Raises:
          FailedError: it did not end with status 0.
          Preempted: it was stopped by SIGTERM.
        """
        module, *arguments = command
        command = [sys.executable, "-m", f"fevgan_jax.{module}", *arguments]
        with log.open("a") as file:
            with self._lock:
                if self._stopped:
                    raise Preempted(f"{module} was not started")
                print(shlex.join(["python", *command[1:]]), file=file, flush=True)
                child = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
                self._running.add(child)
            status = child.wait()
            with self._lock:
                self._running.remove(child)
        if status in (cli.PREEMPTED, -signal.SIGTERM):
            raise Preempted(f"{module} was stopped")
        if status:
            last = log.read_text(errors="replace").strip().splitlines()[-1]
            raise FailedError(f"{module} failed with status {status}: {last}")

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.terminate()


def _shares(jobs: int) -> queue.SimpleQueue:
    """The cores of each thread; None for each where the system cannot bind a process to cores."""
    shares = queue.SimpleQueue()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    if cores and jobs > len(cores):
        raise UserError(f"{jobs} jobs cannot share {len(cores)} cores: give --jobs={len(cores)}.")
    for i in range(jobs):
        shares.put(cores and cores[i::jobs])
    return shares


def _take(cores: list[int] | None) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
