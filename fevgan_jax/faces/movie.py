"""Reads the frames of a video file."""

import contextlib
import os
from collections.abc import Iterator

import imageio_ffmpeg
import numpy as np

from fevgan_jax.runtime.errors import UserError

_SQUARE_PIXELS = ("-vf", "scale=iw*sar:ih,setsar=1")
"""ffmpeg's filter that widens frames of oblong pixels, as camcorders and discs store them; without
it a face in them would be narrow or wide."""


def read(file: str | os.PathLike) -> tuple[float, Iterator[np.ndarray]]:
    """Opens a video.

    Returns:
      Its frames per second, 0 where it does not tell them, and its frames, uint8 `[H, W, 3]` RGB,
      upright and in the shape in which a player shows them.

    Raises:
      UserError: it is missing, or cannot be read as a video; also while the frames are read.
    """
    if not os.path.exists(file):
        raise UserError(f"{file}: there is no such video; check the path.")
    with _or_sentence(file):
        stream = imageio_ffmpeg.read_frames(os.fspath(file), output_params=list(_SQUARE_PIXELS))
        about = next(stream)
    return float(about["fps"]), _frames(file, stream, about["size"])


def _frames(file, stream, size) -> Iterator[np.ndarray]:
    width, height = size
    with _or_sentence(file):
        for frame in stream:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


@contextlib.contextmanager
def _or_sentence(file: str | os.PathLike) -> Iterator[None]:
    try:
        yield
    # Which of these ffmpeg's reader raises depends on how much of the file is damaged.
    except (OSError, RuntimeError, StopIteration) as error:
        raise UserError(f"{file} cannot be read as a video; save it again as MP4") from error
