"""A face that moves as another person's does: MediaPipe's face units of a clip, frame by frame."""

import os

import numpy as np

from fevgan_jax.animation.model import Animator, Frame
from fevgan_jax.faces import mesh, movie, units
from fevgan_jax.runtime.errors import UserError

_AT_ONCE = 16
"""Frames that the model is asked for together."""


def read(clip: str | os.PathLike, landmarker: str | None = None) -> tuple[float, np.ndarray]:
    """Measures the face units of a clip relative to its first frame.

    A frame in which no face is found is like the one before it.

    Args:
      clip: a video of one person.
      landmarker: MediaPipe's model file; None for the one in the weights folder.

    Returns:
      Frames per second, and float32 `[T, 52]`, 0 in the first frame.

    Raises:
      UserError: the clip cannot be read or its first frame shows no face, or MediaPipe or its model
        is missing.
    """
    measure = mesh.unit_scores(landmarker)
    fps, frames = movie.read(clip)
    scores: list[np.ndarray] = []
    for frame in frames:
        found = measure(frame)
        if found is None and not scores:
            raise UserError(
                f"{clip}: its first frame shows no face; cut the clip so that it begins with one."
            )
        scores.append(scores[-1] if found is None else found)
    if len(scores) < 2:
        raise UserError(f"{clip} has {len(scores)} frames; give a video of two and more.")
    known = np.array([[score.get(name, 0.0) for name in units.NAMES] for score in scores])
    return fps, np.float32(known - known[0])


def follow(
    animator: Animator, face: np.ndarray, changes: np.ndarray, strength: float
) -> list[Frame]:
    """The frames in which a face makes another one's changes.

    Args:
      animator: the model.
      face: uint8 `[S, S, 3]`.
      changes: float32 `[T, 52]`, from `read`; a frame without any is the photo itself.
      strength: factor of the changes.

    Returns:
      T frames.
    """
    changes = strength * changes
    # A target is a whole change away and the frame a part of the way to it: near the photo, what is
    # left of the movement is then as small as the change.
    size = np.linalg.norm(changes, axis=-1, keepdims=True)
    path = np.minimum(size, 1.0)
    targets = np.zeros((len(changes), units.SIZE), np.float32)
    whole = changes / np.maximum(path, 1e-6)
    targets[:, : len(units.NAMES)] = animator.shown(face) + whole
    ask, frames = animator.prepare(_AT_ONCE, 1), []
    for start in range(0, len(changes), _AT_ONCE):
        # The last part is as long as the others: the model is compiled for one length.
        rows = np.minimum(np.arange(start, start + _AT_ONCE), len(changes) - 1)
        motions = ask(face, targets[rows], path[rows])
        frames += [motion[0] for motion in motions]
    return frames[: len(changes)]
