"""Selects and resamples a clip's frames, from neutral to apex; pure functions."""

from typing import Literal

import numpy as np

By = Literal["arc_length", "time"]

SMOOTHING = 2.0
"""Standard deviation, in frames, by which landmarks are smoothed before their path is measured.
Choice: a tracker's jitter of one pixel gives a face at rest as long a path as a smile."""


def first_half(count: int) -> int:
    """Number of frames from neutral to the apex in a clip that goes there and back.

    Source: the paper's preparation of MUG.

    Args:
      count: frames of the clip, at least 1.

    Returns:
      The half's frames, the middle one included; a clip of two frames or fewer is kept whole.
    """
    return max(min(count, 2), (count + 1) // 2)


def apex(landmarks: np.ndarray, smoothing: float = SMOOTHING) -> int:
    """The frame farthest from the first, by the landmarks.

    Args:
      landmarks: `[T, 68, 2]` in pixels, T at least 1.
      smoothing: standard deviation in frames; 0 does not smooth.

    Returns:
      Its index; the first such frame if there are several.
    """
    track = _smooth(landmarks, smoothing)
    return int(np.argmax(np.linalg.norm(track - track[0], axis=1)))


def by_time(count: int, num_frames: int = 32) -> np.ndarray:
    """Positions at equal distances in time.

    Args:
      count: frames of the clip, at least 1.
      num_frames: number of positions.

    Returns:
      float64 `[num_frames]`, from 0 to `count - 1`.
    """
    return np.linspace(0, count - 1, num_frames)


def by_arc_length(
    landmarks: np.ndarray, num_frames: int = 32, smoothing: float = SMOOTHING
) -> np.ndarray:
    """Positions at equal distances along the landmarks' path, so that none falls on a pause.

    Source: the time normalisation in the published code of the paper's group.

    Args:
      landmarks: `[T, 68, 2]` in pixels, T at least 1.
      num_frames: number of positions.
      smoothing: standard deviation in frames; 0 does not smooth.

    Returns:
      float64 `[num_frames]`, from 0 to `T - 1`, not decreasing; `by_time` if nothing moves.
    """
    steps = np.linalg.norm(np.diff(_smooth(landmarks, smoothing), axis=0), axis=1)
    way = np.concatenate([[0], np.cumsum(steps)])
    last = len(landmarks) - 1
    if way[-1] == 0:
        return by_time(len(landmarks), num_frames)
    places = np.interp(np.linspace(0, way[-1], num_frames), way, np.arange(len(landmarks)))
    # If the clip begins or ends at rest, several frames are at the same point of the path.
    places[0], places[-1] = 0, (last if num_frames > 1 else 0)
    return places


def places(
    count: int, landmarks: np.ndarray | None = None, num_frames: int = 32, by: By = "time"
) -> np.ndarray:
    """Positions at which a clip is sampled: `by_time` or `by_arc_length`.

    Args:
      count: number of the clip's frames to use, from the first.
      landmarks: `[T, 68, 2]` with T at least `count`, for `by="arc_length"`.
      num_frames: number of positions.
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
    """Samples a sequence at positions between its frames, by linear interpolation.

    Args:
      values: `[T, ...]`; integers are rounded.
      places: `[N]` in [0, T - 1]; an integer gives that frame exactly.

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
    """Resamples a clip to fewer or more frames; its first frame is unchanged.

    Args:
      frames: `[T, ...]`, from neutral to apex.
      landmarks: `[T, 68, 2]`, for `by="arc_length"`.
      num_frames: number of frames to make.
      by: "time" or "arc_length", see `places`.

    Returns:
      `[num_frames, ...]` of the same type.

    Raises:
      ValueError: an unknown `by`, or arc length without landmarks.
    """
    return sample(frames, places(len(frames), landmarks, num_frames, by))


def _smooth(landmarks: np.ndarray, deviation: float) -> np.ndarray:
    """A Gaussian filter in time that keeps both ends and any steady motion: `[T, 2 * 68]`."""
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
