"""Reads the frames of a video file."""

import contextlib
import os
from collections.abc import Iterator

import imageio_ffmpeg
import numpy as np

from fevgan_jax.runtime.errors import UserError


def read(file: str | os.PathLike) -> tuple[float, Iterator[np.ndarray]]:
    """Opens a video.

    Returns:
      Its frames per second, and its frames, uint8 `[H, W, 3]` RGB.

    Raises:
      UserError: it cannot be read as a video; also while the frames are read.
    """
    with _or_sentence(file):
        stream = imageio_ffmpeg.read_frames(os.fspath(file))
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
