"""Renders many subjects on all cores."""

import functools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

import fevgan_jax
from fevgan_jax.runtime.workers import Workers
from fevgan_jax.tfds_builders.synthetic_faces import clip


class Renderers:
    """Processes that render, one core each; they start with the first work and end with this.

    Attributes:
      num_workers: how many processes.
    """

    def __init__(self, num_workers: int):
        self.num_workers = num_workers
        self._workers = Workers(num_workers)

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
        for clips in self._workers.map(work, subject_ids):
            yield from clips


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
