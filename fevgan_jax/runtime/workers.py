"""A pool of worker processes, one core each."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2


class Workers:
    """Worker processes that start with the first task and end with their parent.

    Attributes:
      count: how many processes.
    """

    def __init__(self, count: int):
        self.count = count
        self._pool = concurrent.futures.ProcessPoolExecutor(
            max_workers=count,
            mp_context=multiprocessing.get_context("spawn"),  # TensorFlow does not survive a fork
            initializer=_start,
        )

    def submit(self, work: Callable, *arguments: Any) -> concurrent.futures.Future:
        """Starts `work(*arguments)`.

        Args:
          work: a function at the top level of a module, or a partial of one (it is pickled).
          *arguments: the function's arguments.
        """
        with _nothing_to_import():
            return self._pool.submit(work, *arguments)

    def map(self, work: Callable, items: Iterable) -> Iterator:
        """Yields `work(item)` of each item, in order.

        Args:
          work: as in `submit`.
          items: the function's arguments, read a bounded number ahead of the results.
        """
        ahead = collections.deque()  # bounded, because results wait in memory
        for item in items:
            ahead.append(self.submit(work, item))
            if len(ahead) > 2 * self.count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


@contextlib.contextmanager
def _nothing_to_import() -> Iterator[None]:
    """Hides the main module from processes that start within this context.

    Each would import it again, with TensorFlow or JAX, which no worker needs.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _start() -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent is killed; otherwise it would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)
