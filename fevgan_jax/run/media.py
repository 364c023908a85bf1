"""Encodes frames as GIF, MP4 and PNG, and lays them out in strips and grids."""

import io
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Sequence

import imageio_ffmpeg
import numpy as np
from PIL import Image

from fevgan_jax.run.files import require_file
from fevgan_jax.runtime.disk import full_disk_is_bad_input

FRAMES_PER_SECOND = 25
_FRAMES_OF_A_PALETTE = 16


def enlarge(frames: np.ndarray, scale: int) -> np.ndarray:
    """Enlarges pictures by a whole factor with a Lanczos filter.

    Args:
      frames: uint8 `[..., H, W, 3]`.
      scale: the factor, at least 1.

    Returns:
      uint8 `[..., H * scale, W * scale, 3]`.
    """
    if scale == 1:
        return frames
    *lead, height, width, channels = frames.shape
    size = (width * scale, height * scale)
    large = [
        np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
        for frame in frames.reshape(-1, height, width, channels)
    ]
    return np.stack(large).reshape(*lead, height * scale, width * scale, channels)


def gif(frames: np.ndarray, fps: float = FRAMES_PER_SECOND, scale: int = 1) -> bytes:
    """Encodes a video as a GIF that repeats endlessly.

    Sixteen frames share a palette and nothing is dithered (choice, measured on faces: with a
    palette for each frame still parts flicker twenty times as much, with one for all 32 the
    colours are coarser; dithering flickers too). The palette is computed before the enlargement.

    Args:
      frames: uint8 `[T, H, W, 3]`.
      fps: frames per second; a GIF counts time in hundredths of a second.
      scale: whole factor by which the frames are enlarged.

    Returns:
      The file's bytes. A frame equal to the one before it is merged with it, as GIF writers do.
    """
    pictures = []
    for start in range(0, len(frames), _FRAMES_OF_A_PALETTE):
        few = frames[start : start + _FRAMES_OF_A_PALETTE]
        palette = _palette(few)
        pictures += [
            Image.fromarray(large).quantize(palette=palette, dither=Image.Dither.NONE)
            for large in enlarge(few, scale)
        ]
    file = io.BytesIO()
    pictures[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=max(10 * round(100 / fps), 20),
        loop=0,
        optimize=False,
    )
    return file.getvalue()


def _palette(frames: np.ndarray) -> Image.Image:
    # Choice: of 256 px frames a few of the pixels give as good a palette (mean error 3.05 of 255,
    # not 3.01) in a tenth of the time.
    step = max(1, min(frames.shape[1:3]) // 96)
    frames = frames[:: min(step, 2), ::step, ::step]
    return Image.fromarray(np.concatenate(list(frames))).quantize(
        256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )


def webp(frames: np.ndarray, fps: float = FRAMES_PER_SECOND, scale: int = 1) -> bytes:
    """Encodes a video as an animated WebP that plays for ever, in all colours.

    Args:
      frames: uint8 `[T, H, W, 3]`.
      fps: frames per second; a WebP counts time in milliseconds.
      scale: whole factor by which the frames are enlarged.

    Returns:
      The file's bytes.
    """
    first, *others = map(Image.fromarray, enlarge(frames, scale))
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 / fps),
        loop=0,
        quality=80,
    )
    return file.getvalue()


def png(image: np.ndarray) -> bytes:
    """Encodes one picture, uint8 `[H, W, 3]`, as a PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write_mp4(
    path: str | os.PathLike,
    frames: np.ndarray,
    fps: float = FRAMES_PER_SECOND,
    scale: int = 1,
) -> None:
    """Writes a video as H.264 with 4:2:0 colour; the file appears whole or not at all.

    Args:
      path: the file to make or replace; its folder is made when it is missing.
      frames: uint8 `[T, H, W, 3]`; where an enlarged side is odd, its last row or column is
        repeated, because 4:2:0 colour needs even sizes.
      fps: frames per second.
      scale: whole factor by which the frames are enlarged.

    Raises:
      UserError: there is a folder of this name, or the disk is full.
    """
    path = pathlib.Path(path)
    require_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    odd = [side * scale % 2 for side in frames.shape[1:3]]
    frames = np.pad(frames, ((0, 0), (0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", size, "-framerate", str(fps)]
    resize = f"scale=iw*{scale}:ih*{scale}:flags=lanczos+accurate_rnd"
    # Players guess the matrix of a video without tags by its size.
    matrix = ":out_color_matrix=bt709:out_range=tv"
    tags = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    source += ["-i", "-", "-vf", f"{resize}{matrix},{tags}"]
    # Choice: twice as fast as the default preset at 16, for a tenth more bytes and 0.3 dB of 43.
    target = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "15", "-pix_fmt", "yuv420p"]
    target += ["-movflags", "+faststart"]
    with (
        full_disk_is_bad_input(path.parent),
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as aside,
    ):
        made = os.path.join(aside, "video.mp4")
        ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
        # imageio's own writer does not report that ffmpeg failed.
        done = subprocess.run(
            [*ffmpeg, *source, *target, made],
            input=frames.tobytes(),
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ffmpeg could not write {path}: {done.stderr.decode()}")
        os.replace(made, path)


def strip(frames: np.ndarray, count: int = 8) -> np.ndarray:
    """Lays out a few frames of a video, evenly spaced from the first to the last, in a row.

    Args:
      frames: uint8 `[T, H, W, 3]`.
      count: how many frames to show; all of them when there are fewer.

    Returns:
      uint8 `[H, count * W, 3]`.
    """
    picked = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return np.concatenate(list(frames[picked]), axis=1)


def grid(rows: Sequence[Sequence[np.ndarray]], gap: int = 2) -> np.ndarray:
    """Arranges pictures or videos of one size in rows and columns on black.

    Args:
      rows: rows of uint8 `[..., H, W, 3]`; a short row is padded with black.
      gap: black pixels between neighbours.

    Returns:
      uint8 `[..., rows * H + gaps, columns * W + gaps, 3]`.
    """
    cell = rows[0][0]
    *lead, height, width, channels = cell.shape
    columns = max(len(row) for row in rows)
    sheet = np.zeros(
        (
            *lead,
            len(rows) * (height + gap) - gap,
            columns * (width + gap) - gap,
            channels,
        ),
        cell.dtype,
    )
    for top, row in zip(range(0, sheet.shape[-3] + gap, height + gap), rows, strict=True):
        for left, picture in zip(range(0, sheet.shape[-2] + gap, width + gap), row, strict=False):
            sheet[..., top : top + height, left : left + width, :] = picture
    return sheet
