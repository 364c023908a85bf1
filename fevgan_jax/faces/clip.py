"""From the files of one clip to its features: tracked, aligned, masked and brought to T frames."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from fevgan_jax.data import timing
from fevgan_jax.faces import crop, movie, photo, track
from fevgan_jax.runtime.errors import UserError

VIDEOS = (
    ".3g2", ".3gp", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m1v",
    ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogv", ".qt", ".rm", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
"""Endings by which a folder's videos are known; ffmpeg reads them all, and others by content."""
PICTURES = (".jpg", ".jpeg", ".png")

Until = Literal["half", "apex", "end"]

_BEYOND = 0.05
"""How far landmarks may lie outside the crop, in shares of its side (choice)."""
_JUMP = 0.15
"""How far landmarks may move between two frames on average, in shares of the crop's side (choice: a
tenth of a second of the fastest expression is half of it)."""
_CUT = 0.12
"""Distance between the colours of two frames from which there is a cut between them (choice: a
rendered face at rest and at its apex are at most 0.10 apart, one moved by a tenth of the crop 0.09;
93.6 % of the 435 pairs among 30 portraits are farther apart)."""
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
      files: the frames in order, or one file of another kind, which ffmpeg reads as a video.
      finder: from `track.finder`.
      image_size: side S of the crops.
      num_frames: how many frames T to make.
      by: whether frames are at equal distances in "time" or in "arc_length", see `timing`.
      until: the last frame used: the middle one ("half"), the one farthest from the first
        ("apex"), or the last one ("end").
      strict: refuse a clip whose used part has a cut, a face that leaves the crop or jumps, or
        nothing that moves.

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
    count = len(crops)
    if until == "half" and _is_video(files):
        count = timing.first_half(count)
    elif until == "apex":
        count = timing.apex(landmarks) + 1
    crops = crops[:count]
    if strict:
        seen = [i for i in follower.seen if i < count]
        _check(np.stack(crops), landmarks[:count], seen, follower.leading)
    places = timing.places(count, landmarks, num_frames, by)
    landmarks = timing.sample(landmarks, places).astype(np.float32)
    mask = np.stack([crop.coverage(crop.oval(each), image_size) for each in landmarks])
    video = timing.sample(np.stack(crops), places) * mask
    return {
        "video": np.round(video).astype(np.uint8),
        "mask": np.round(255 * mask).astype(np.uint8),
        "landmarks": landmarks,
        "source_frames": (places + follower.leading).astype(np.float32),
    }


def _check(crops: np.ndarray, landmarks: np.ndarray, seen: Sequence[int], leading: int) -> None:
    """Refuses a clip that does not show one face that moves in place.

    Args:
      crops: uint8 `[N, S, S, 3]`.
      landmarks: `[N, 68, 2]` in the crops' pixels.
      seen: the frames in which the face was found; others may be black or hide it.
      leading: frames of the clip before the first crop, for messages.

    Raises:
      UserError: it does not; the message says what it shows.
    """
    for before, after in itertools.pairwise(seen):
        if _colour_distance(crops[before], crops[after]) > _CUT:
            raise UserError(
                f"the picture changes abruptly in frame {leading + after}: a cut, another person "
                "or another light"
            )
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


def _colour_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Hellinger distance, in [0, 1], between the colour histograms of two crops.

    Motion changes a histogram little, another person's skin, hair and background much.
    """
    # Smoothed, so that a small change of light does not move all colours to other bins.
    histograms = [
        ndimage.gaussian_filter(cv2.calcHist([each], [0, 1, 2], None, [16] * 3, [0, 256] * 3), 1.0)
        for each in (first, second)
    ]
    return cv2.compareHist(*histograms, cv2.HISTCMP_BHATTACHARYYA)


def _is_video(files: Sequence[str]) -> bool:
    return not files[0].lower().endswith(PICTURES)


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
