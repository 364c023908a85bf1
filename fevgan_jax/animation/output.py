"""Videos as files: a GIF, an MP4 and a WebP of each, and one sheet of frames with all of them."""

import os
import pathlib
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fevgan_jax.run import media
from fevgan_jax.run.files import require_file, write_atomic

_SIDE = 256
"""Smaller videos are enlarged towards it: 64 pixels are a stamp on today's screens."""
_LONGEST = 640
"""GIFs and WebPs are reduced to it: they are for chats and pages, and large ones take megabytes."""
_STRIP_FRAMES = 8
_STRIP_HEIGHTS = (128, 256)
"""A strip's frames are brought between these heights."""


def write(
    videos: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]],
    output_dir: str | os.PathLike,
    fps: float = media.FRAMES_PER_SECOND,
) -> list[pathlib.Path]:
    """Writes the files of each video, and one sheet of frames with all of them.

    Args:
      videos: names with uint8 `[T, H, W, 3]` of one size; each is let go of when it is written.
      output_dir: the folder; it is made when it is missing, and files of these names are replaced.
      fps: frames per second.

    Returns:
      The files: `<name>.gif`, `<name>.mp4` and `<name>.webp` for each, and `strip.png`.

    Raises:
      UserError: there is a folder where a file belongs.
    """
    folder, files, shown = pathlib.Path(output_dir), [], {}
    require_file(folder / "strip.png")
    pairs = videos.items() if isinstance(videos, Mapping) else videos
    last: list[Future] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for name, frames in pairs:
            for done in last:
                done.result()
            files += [folder / f"{name}.{ending}" for ending in ("gif", "mp4", "webp")]
            gif, mp4, webp = files[-3:]
            scale = max(1, _SIDE // frames.shape[1])
            last = [
                threads.submit(media.write_mp4, mp4, frames, fps, scale),
                threads.submit(_write, gif, media.gif, frames, fps, scale),
                threads.submit(_write, webp, media.webp, frames, fps, scale),
            ]
            moments = np.linspace(0, len(frames) - 1, min(_STRIP_FRAMES, len(frames)))
            shown[name] = frames[np.round(moments).astype(int)]
        for done in last:
            done.result()
    files.append(folder / "strip.png")
    part = _moving_part(shown.values())
    rows = [_labelled_strip(name, frames[:, *part]) for name, frames in shown.items()]
    write_atomic(files[-1], media.png(np.concatenate(rows)))
    return files


def _write(path: pathlib.Path, encode, frames: np.ndarray, fps: float, scale: int) -> None:
    shrink = _LONGEST / max(frames.shape[1:3])
    if shrink < 1:
        frames = np.stack([_resized(frame, shrink) for frame in frames])
    write_atomic(path, encode(frames, fps=fps, scale=scale))


def _resized(frame: np.ndarray, scale: float) -> np.ndarray:
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _moving_part(videos: Iterable[np.ndarray]) -> tuple[slice, slice]:
    """Rows and columns of a square around all that moves, with a third of its side around it.

    A face may be a small part of its photo.
    """
    videos = list(videos)
    moves = np.any([np.any(frames != frames[:1], axis=(0, 3)) for frames in videos], axis=0)
    if not moves.any():
        return slice(None), slice(None)
    bounds = [np.flatnonzero(moves.any(axis))[[0, -1]] for axis in (1, 0)]
    side = 4 / 3 * max(last - first + 1 for first, last in bounds)
    side = min(round(side), *moves.shape)
    starts = [
        int(np.clip((first + last + 1 - side) // 2, 0, length - side))
        for (first, last), length in zip(bounds, moves.shape, strict=True)
    ]
    return tuple(slice(start, start + side) for start in starts)


def _labelled_strip(name: str, frames: np.ndarray) -> np.ndarray:
    """A video's frames in a row, its name to the left, uint8 `[H, W, 3]`."""
    low, high = _STRIP_HEIGHTS
    strip = media.enlarge(np.concatenate(frames, axis=1), max(1, low // frames.shape[1]))
    if len(strip) > high:
        strip = _resized(strip, high / len(strip))
    height = len(strip)
    label = Image.new("RGB", (height, height))
    font = ImageFont.load_default(size=height / 7)
    text = name.replace("_", "\n")
    ImageDraw.Draw(label).multiline_text((height / 2, height / 2), text, font=font, anchor="mm")
    return np.concatenate([np.asarray(label), strip], axis=1)
