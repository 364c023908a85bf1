"""Renders many subjects on all cores."""

import functools
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from fevgan_jax.runtime.workers import Workers

Work = Callable[[int], Iterable[dict[str, object]]]
"""Renders the examples of one subject."""


class Renderers:
    """Processes that render, one core each; they start with the first work and end with this.

    Attributes:
      num_workers: how many processes.
    """

    def __init__(self, num_workers: int):
        self.num_workers = num_workers
        self._workers = Workers(num_workers)

    def render(self, work: Work, subject_ids: Iterable[int]) -> Iterator[dict[str, object]]:
        """Yields the examples of each subject, in order, as `work` gives them.

        But pictures, which are all arrays of uint8, are PNG bytes, and videos lists of them:
        encoding takes TFDS several times as long as rendering takes. Neither pixels nor order
        depend on the number of processes.

        Args:
          work: a function that its module's name and its own lead to, or a partial of one.
          subject_ids: whom to render.
        """
        for examples in self._workers.map(functools.partial(_encoded, work), subject_ids):
            yield from examples


def _encoded(work, subject_id):
    return [
        {name: _picture(value) for name, value in example.items()} for example in work(subject_id)
    ]


def _picture(value):
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8:
        return value
    if value.ndim == 4:
        return [_picture(frame) for frame in value]
    return cv2.imencode(".png", value[..., ::-1])[1].tobytes()
