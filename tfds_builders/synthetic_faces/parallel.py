"""Renders many subjects on all cores."""

import collections
import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

import fevgan_jax
from fevgan_jax.tfds_builders.synthetic_faces import clip


class Renderers:
    """Processes that render, one core each; they start with the first work and end with this.

    Attributes:
      num_workers: how many processes.
    """

    def __init__(self, num_workers: int):
        self.num_workers = num_workers
        self._pool = concurrent.futures.ProcessPoolExecutor(
            max_workers=num_workers,
            mp_context=multiprocessing.get_context("spawn"),  # TensorFlow does not survive a fork
            initializer=_start,
        )

    def render(
        self,
        subject_ids: Sequence[int],
        image_size: int = 64,
        head_motion: float = clip.HEAD_MOTION,
        chosen: Sequence[int] = range(clip.NUM_FRAMES),
    ) -> Iterator[dict[str, object]]:
        """Yields the six clips of each subject, in order, as `clip.render_subject` gives them.

        But `video` and `mask` are lists of PNG bytes: encoding takes TFDS several times as long
        as rendering takes. Neither pixels nor order depend on the number of processes.
        """
        work = functools.partial(
            _render_all, image_size=image_size, head_motion=head_motion, chosen=chosen
        )
        ahead = collections.deque()  # bounded, or finished clips would pile up in memory
        for subject_id in subject_ids:
            with _nothing_to_import():
                ahead.append(self._pool.submit(work, subject_id))
            if len(ahead) > 2 * self.num_workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


@contextlib.contextmanager
def _nothing_to_import() -> Iterator[None]:
    """Hides the running program from processes that start meanwhile.

    Each would import it anew, with the TensorFlow or JAX that it brings and no renderer needs.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _start() -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent is killed: it would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _render_all(subject_id, image_size, head_motion, chosen):
    clips = []
    for expression in fevgan_jax.EXPRESSIONS:
        features = clip.render_subject(subject_id, expression, image_size, head_motion, chosen)
        features["video"] = [_png(frame[..., ::-1]) for frame in features["video"]]
        features["mask"] = [_png(frame) for frame in features["mask"]]
        clips.append(features)
    return clips


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()
