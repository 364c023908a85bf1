"""From the files of one clip to its features: tracked, aligned, masked and brought to T frames."""

import os
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from fevgan_jax.data import timing
from fevgan_jax.faces import crop, movie, photo, track
from fevgan_jax.runtime.errors import UserError

VIDEOS = (
    ".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".ogv", ".ts", ".webm", ".wmv",
)  # fmt: skip
"""Endings of videos; ffmpeg reads them all."""
PICTURES = (".jpg", ".jpeg", ".png")

Until = Literal["half", "apex", "end"]

_BEYOND = 0.05
"""How far landmarks may lie outside the crop, in shares of its side (choice)."""
_JUMP = 0.15
"""How far landmarks may move between two frames on average, in shares of the crop's side (choice: a
tenth of a second of the fastest expression is half of it)."""
_STILL = 1.0
"""Grey levels; a clip in which no frame differs from the first by more, on average, is a still
picture (choice: video compression alone stays below)."""

_FINE = 3
"""Pixels of a reduced frame per pixel of the crop, along a side, at least (choice: the error of
whole-pixel landmarks is then a sixth of a crop's pixel)."""


def make(
    files: Sequence[str],
    finder: track.Finder,
    image_size: int = 64,
    num_frames: int = 32,
    by: timing.By = "arc_length",
    until: Until = "end",
    strict: bool = True,
) -> dict[str, np.ndarray]:
    """Prepares one clip; all frames take the alignment of the first one that shows a face.

    Args:
      files: the frames in order, or one video file.
      finder: from `track.finder`.
      image_size: side S of the crops.
      num_frames: how many frames T to make.
      by: whether frames are at equal distances in "time" or in "arc_length", see `timing`.
      until: the last frame used: the middle one ("half"), the one farthest from the first
        ("apex"), or the last one ("end").
      strict: refuse a clip whose face leaves the crop or jumps, or in which nothing moves.

    Returns:
      `video` uint8 [T, S, S, 3], a face oval on black; `mask` uint8 [T, S, S, 1], the oval with an
      antialiased edge; `landmarks` float32 [T, 68, 2] in the crop's pixels; `source_frames`
      float32 [T], each frame's position in the clip, in its frames.

    Raises:
      UserError: the clip cannot be used; the message says why.
    """
    if not files:
        raise UserError("its folder holds no picture")
    if until == "half" and not _is_video(files):
        files = files[: timing.first_half(len(files))]
    follower, crops, transform, size = track.Track(finder), [], None, None
    for frame in _read(files, finder, image_size):
        size = size or frame.shape
        if frame.shape != size:
            raise UserError(f"its frames have different sizes, {size[:2]} and {frame.shape[:2]}")
        if not follower.add(frame):
            continue
        if transform is None:
            transform = crop.align(follower.landmarks()[0], image_size)
        crops.append(crop.warp(frame, transform, image_size))
    if not crops:
        raise UserError("no face was found in it")
    if len(crops) < 2:
        raise UserError(f"it has {len(crops)} frame, and needs two")
    landmarks = crop.move(follower.landmarks(), transform)
    if strict:
        _check(np.stack(crops), landmarks, follower.leading)
    count = len(crops)
    if until == "half" and _is_video(files):
        count = timing.first_half(count)
    elif until == "apex":
        count = timing.apex(landmarks) + 1
    places = timing.places(count, landmarks, num_frames, by)
    landmarks = timing.sample(landmarks, places).astype(np.float32)
    mask = np.stack([crop.coverage(crop.oval(each), image_size) for each in landmarks])
    video = timing.sample(np.stack(crops[:count]), places) * mask
    return {
        "video": np.round(video).astype(np.uint8),
        "mask": np.round(255 * mask).astype(np.uint8),
        "landmarks": landmarks,
        "source_frames": (places + follower.leading).astype(np.float32),
    }


def _check(crops: np.ndarray, landmarks: np.ndarray, leading: int) -> None:
    """Raises UserError if the crops `[N, S, S, 3]` do not show one face that moves in place."""
    side = crops.shape[1]
    outside = np.abs(landmarks / side - 0.5).max((1, 2)) > 0.5 + _BEYOND
    if outside.any():
        raise UserError(f"its face leaves the crop in frame {leading + outside.argmax()}")
    jumps = np.linalg.norm(np.diff(landmarks, axis=0), axis=-1).mean(1) > _JUMP * side
    if jumps.any():
        raise UserError(
            f"its face jumps in frame {leading + jumps.argmax() + 1}: a cut, or another person"
        )
    first = crops[0].astype(np.float32)
    if all(np.abs(crop - first).mean() < _STILL for crop in crops[1:]):
        raise UserError("nothing moves in it: it is a still picture")


def _is_video(files: Sequence[str]) -> bool:
    return os.path.splitext(files[0])[1].lower() in VIDEOS


def _read(files: Sequence[str], finder: track.Finder, image_size: int) -> Iterator[np.ndarray]:
    if _is_video(files):
        yield from movie.read(files[0])[1]
        return
    reduction = _reduction(photo.read(files[0]), finder, image_size)
    for file in files:
        yield photo.read(file, reduction)


def _reduction(frame: np.ndarray, finder: track.Finder, image_size: int) -> int:
    """The factor by which frames can be reduced on reading: full size takes three times as long."""
    faces = finder.find(frame)
    if not faces:
        return 1
    shrink = crop.shrink(crop.align(faces[0], image_size))
    return max(by for by in (1, 2, 4, 8) if by == 1 or shrink / by >= _FINE)
