"""From a clip of any length to neutral-to-apex in a fixed number of frames; pure functions."""

from typing import Literal

import numpy as np

By = Literal["arc_length", "time"]

SMOOTHING = 2.0
"""Frames: how much a track of landmarks is smoothed before its length is measured. Choice: a
tracker's jitter of a pixel makes a resting face travel as far as a smile does."""


def first_half(count: int) -> int:
    """How many frames lead from neutral to the apex in a clip that goes there and back.

    Source: the paper's preparation of MUG.

    Args:
      count: frames of the clip, at least 1.

    Returns:
      The middle frame belongs to the half; a clip of two frames or fewer is kept whole.
    """
    return max(min(count, 2), (count + 1) // 2)


def apex(landmarks: np.ndarray, smoothing: float = SMOOTHING) -> int:
    """The frame farthest from the first, by the landmarks.

    Args:
      landmarks: `[T, 68, 2]` in pixels, T at least 1.
      smoothing: standard deviation in frames; 0 takes the landmarks as they are.

    Returns:
      Its index; the first such frame where there are several.
    """
    track = _smooth(landmarks, smoothing)
    return int(np.argmax(np.linalg.norm(track - track[0], axis=1)))


def by_time(count: int, num_frames: int = 32) -> np.ndarray:
    """Places at equal distances in time.

    Args:
      count: frames of the clip, at least 1.
      num_frames: how many places.

    Returns:
      float64 `[num_frames]`, from 0 to `count - 1`.
    """
    return np.linspace(0, count - 1, num_frames)


def by_arc_length(
    landmarks: np.ndarray, num_frames: int = 32, smoothing: float = SMOOTHING
) -> np.ndarray:
    """Places at equal distances along the way the landmarks go: no frame is spent on resting.

    Source: the time normalisation in the published code of the paper's group.

    Args:
      landmarks: `[T, 68, 2]` in pixels, T at least 1.
      num_frames: how many places.
      smoothing: standard deviation in frames; 0 takes the landmarks as they are.

    Returns:
      float64 `[num_frames]`, from 0 to `T - 1`, never falling; equal in time where nothing moves.
    """
    steps = np.linalg.norm(np.diff(_smooth(landmarks, smoothing), axis=0), axis=1)
    way = np.concatenate([[0], np.cumsum(steps)])
    last = len(landmarks) - 1
    if way[-1] == 0:
        return by_time(len(landmarks), num_frames)
    places = np.interp(np.linspace(0, way[-1], num_frames), way, np.arange(len(landmarks)))
    # Where the clip begins or ends at rest, several frames lie at the same point of the way.
    places[0], places[-1] = 0, (last if num_frames > 1 else 0)
    return places


def places(
    count: int, landmarks: np.ndarray | None = None, num_frames: int = 32, by: By = "time"
) -> np.ndarray:
    """Where a clip's frames are taken: `by_time` or `by_arc_length`.

    Args:
      count: how many of the clip's frames are used, from its first.
      landmarks: `[T, 68, 2]` with T at least `count`, for `by="arc_length"`.
      num_frames: how many places.
      by: "time" or "arc_length".

    Returns:
      float64 `[num_frames]`, from 0 to `count - 1`.

    Raises:
      ValueError: an unknown `by`, or arc length without landmarks.
    """
    if by == "time":
        return by_time(count, num_frames)
    if by == "arc_length" and landmarks is not None:
        return by_arc_length(landmarks[:count], num_frames)
    raise ValueError(f"by={by!r}: give 'time', or 'arc_length' with landmarks.")


def sample(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Reads a sequence at places between its frames, by linear interpolation.

    Args:
      values: `[T, ...]`; whole numbers are rounded to whole numbers.
      places: `[N]` in [0, T - 1]; a whole place gives that frame exactly.

    Returns:
      `[N, ...]` of the same type.
    """
    low = np.minimum(np.floor(places).astype(int), max(len(values) - 2, 0))
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    mixed = values[low] * (1 - share) + values[high] * share
    if np.issubdtype(values.dtype, np.integer):
        mixed = np.round(mixed)
    return mixed.astype(values.dtype)


def resample(
    frames: np.ndarray,
    landmarks: np.ndarray | None = None,
    num_frames: int = 32,
    by: By = "time",
) -> np.ndarray:
    """Brings a clip to a number of frames, fewer or more; its first frame stays as it is.

    Args:
      frames: `[T, ...]`, from neutral to apex.
      landmarks: `[T, 68, 2]`, for `by="arc_length"`.
      num_frames: how many frames to make.
      by: "time" or "arc_length", see `places`.

    Returns:
      `[num_frames, ...]` of the same type.

    Raises:
      ValueError: an unknown `by`, or arc length without landmarks.
    """
    return sample(frames, places(len(frames), landmarks, num_frames, by))


def _smooth(landmarks: np.ndarray, deviation: float) -> np.ndarray:
    """A Gaussian along time that keeps both ends and any steady motion: `[T, 2 * 68]`."""
    track = landmarks.reshape(len(landmarks), -1).astype(np.float64)
    if deviation == 0:
        return track
    reach = min(int(np.ceil(3 * deviation)), len(track) - 1)
    before = 2 * track[0] - track[1 : reach + 1][::-1]
    after = 2 * track[-1] - track[len(track) - 1 - reach : -1][::-1]
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    padded = np.concatenate([before, track, after])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return windows @ (kernel / kernel.sum())
