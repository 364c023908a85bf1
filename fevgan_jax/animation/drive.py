"""A face that moves as another person's does: MediaPipe's units and pose of a clip's frames."""

import os

import numpy as np

from fevgan_jax.animation.model import Animator, Frame
from fevgan_jax.faces import mesh, movie, units
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders.synthetic_faces import expressions, gaze

_AT_ONCE = 16
"""Frames that the model is asked for together."""
_DISTANCE = 9.0
"""Decimetres between a face and the camera (forced: those of the rendered pairs)."""
_GAIN = np.array([1.2, 1.35, 1.0])
"""Factors of nod, turn and tilt. MediaPipe takes every camera for a near one with a wide angle: of
rendered heads it reads 0.94 of a nod and 0.92 of a turn where the camera is 0.3 m away, 0.75 and
0.63 at 0.9 m, 0.69 and 0.55 at 2 m (choice: the middle, because a clip does not tell)."""
_BLINKS = [units.NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_BLINK_GAIN = 2.0
"""Factor of `eyeBlink` (choice: of rendered eyes MediaPipe reads 0.18 where they are half shut and
0.48 where they are shut, means of 30 people; a face that follows would never shut its own)."""
_MOST = np.array([6.0, 9.0, 6.0, 0.3])
"""Degrees of nod, turn and tilt, and decimetres, at most: three standard deviations of the motion
in the rendered pairs, beyond which motion modes have learnt nothing."""


def read(clip: str | os.PathLike, landmarker: str | None = None) -> tuple[float, np.ndarray]:
    """Measures the face units and the head's motion of a clip relative to its first frame.

    A frame in which no face is found is like the one before it.

    Args:
      clip: a video of one person.
      landmarker: MediaPipe's model file; None for the one in the weights folder.

    Returns:
      Frames per second, and float32 `[T, 56]`, changes of a target as `fevgan_jax.faces.units`
      describes it, 0 in the first frame.

    Raises:
      UserError: the clip cannot be read, does not tell its frames per second, or its first frame
        shows no face; or MediaPipe or its model is missing.
    """
    measure = mesh.reader(landmarker)
    fps, frames = movie.read(clip)
    if not fps > 0:
        raise UserError(f"{clip} does not tell its frames per second; save it again as MP4.")
    readings: list[mesh.Reading] = []
    for frame in frames:
        found = measure(frame)
        if found is None and not readings:
            raise UserError(
                f"{clip}: its first frame shows no face; cut the clip so that it begins with one."
            )
        readings.append(readings[-1] if found is None else found)
    if len(readings) < 2:
        raise UserError(f"{clip} has {len(readings)} frames; give a video of two and more.")
    known = np.array([[each.scores.get(name, 0.0) for name in units.NAMES] for each in readings])
    head = head_motion(np.array([each.matrix for each in readings])) * expressions.HEAD_SCALE
    change = gaze.one_way(units.NAMES, known - known[0])
    change[:, _BLINKS] *= _BLINK_GAIN
    return fps, np.concatenate([change, head], axis=-1, dtype=np.float32)


def head_motion(matrices: np.ndarray) -> np.ndarray:
    """The head's motion relative to the first frame, as rendered pairs have it.

    Args:
      matrices: `[T, 4, 4]`, each as `mesh.Reading.matrix`.

    Returns:
      `[T, 4]`: nod (chin down), turn and tilt in degrees, and decimetres towards the camera, by
      which a face at a portrait's distance would grow as much as the clip's does.
    """
    rotation, distance = matrices[:, :3, :3], matrices[:, 2, 3]
    nod = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    turn = np.arctan2(-rotation[:, 2, 0], np.hypot(rotation[:, 0, 0], rotation[:, 1, 0]))
    tilt = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    angles = np.degrees(np.stack([nod, turn, tilt], axis=-1))
    change = (angles - angles[0] + 180) % 360 - 180
    nearness = _DISTANCE * (1 - distance / distance[0])
    return np.concatenate([_GAIN * change, nearness[:, None]], axis=-1)


def follow(
    animator: Animator, face: np.ndarray, changes: np.ndarray, strength: float
) -> list[Frame]:
    """The frames in which a face makes another one's changes.

    Args:
      animator: the model.
      face: uint8 `[S, S, 3]`.
      changes: float32 `[T, 56]`, from `read`; a frame without any is the photo itself.
      strength: factor of the changes; the head moves no further than motion modes have learnt.

    Returns:
      T frames.
    """
    count = len(units.NAMES)
    most = _MOST * expressions.HEAD_SCALE
    changes = strength * changes
    changes[:, count:] = changes[:, count:].clip(-most, most)
    # A target is a whole change away and the frame a part of the way to it: near the photo, what is
    # left of the movement is then as small as the change.
    size = np.linalg.norm(changes, axis=-1, keepdims=True)
    path = np.minimum(size, 1.0)
    targets = changes / np.maximum(path, 1e-6)
    targets[:, :count] += animator.shown(face)
    targets[:, _BLINKS] = targets[:, _BLINKS].clip(0, 1)  # from wide open to shut
    ask, frames = animator.prepare(_AT_ONCE, 1), []
    for start in range(0, len(changes), _AT_ONCE):
        # The last part is as long as the others: the model is compiled for one length.
        rows = np.minimum(np.arange(start, start + _AT_ONCE), len(changes) - 1)
        motions = ask(face, targets[rows], path[rows])
        frames += [motion[0] for motion in motions]
    return frames[: len(changes)]
