"""A cache of decoded clips in one temporary file that all processes of a host share.

Choice: a file instead of memory. The system caches the file in free memory and may write the rest
to the disk, so that a set larger than memory only slows the run down. The file is unlinked as soon
as every process has it open, so that nothing is left of it, even after a kill.
"""

import errno
import math
import os
import pathlib
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from typing import BinaryIO

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

Clip = dict[str, np.ndarray]


class DecodedClips:
    """Returns clips as `read` does, and decodes each cached one only once.

    The first clips of a split are cached, as many as fit; thread-safe.
    """

    def __init__(self, read: Callable[[int], Clip], num_clips: int, max_bytes: float):
        """Opens the file; all processes of a run must do so together.

        Args:
          read: decodes a clip, by its number; all have the same shapes.
          num_clips: number of clips.
          max_bytes: largest size of the file; half of the free space is the limit too.
        """
        self._read = read
        self._num_clips = num_clips
        first = read(0)
        self._shapes = {name: (array.shape, array.dtype) for name, array in first.items()}
        self._clip_bytes = sum(array.nbytes for array in first.values())
        limit = min(max_bytes, shutil.disk_usage(tempfile.gettempdir()).free / 2)
        self._places = min(num_clips, int(limit // self._clip_bytes))
        if self._places < num_clips:
            logging.info(
                "%d of %d clips are decoded each time they are needed: all would take %.1f GiB of "
                "%s, where --config.data.cache_gib and half of what is free allow %.1f.",
                num_clips - self._places,
                num_clips,
                num_clips * self._clip_bytes / 2**30,
                tempfile.gettempdir(),
                limit / 2**30,
            )
        self._file = _open_shared() if self._places else None

    def __call__(self, index: int) -> Clip:
        """The arrays of a clip."""
        if index >= self._places:
            return self._read(index)
        # A clip's flag is written after the clip. Concurrent writers of one clip write the same
        # bytes.
        if os.pread(self._file.fileno(), 1, index) == b"\1":
            return self._stored(index)
        clip = self._read(index)
        self._store(index, clip)
        return clip

    def _stored(self, index: int) -> Clip:
        content = np.empty(self._clip_bytes, np.uint8)
        os.preadv(self._file.fileno(), [content], self._place(index))
        clip, start = {}, 0
        for name, (shape, dtype) in self._shapes.items():
            clip[name] = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
            start += clip[name].nbytes
        return clip

    def _store(self, index: int, clip: Mapping[str, np.ndarray]) -> None:
        content = b"".join(np.asarray(clip[name]).tobytes() for name in self._shapes)
        try:
            if os.pwrite(self._file.fileno(), content, self._place(index)) == self._clip_bytes:
                os.pwrite(self._file.fileno(), b"\1", index)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise  # on a full disk the clip is not cached

    def _place(self, index: int) -> int:
        return self._num_clips + index * self._clip_bytes


def _open_shared() -> BinaryIO:
    """An empty unlinked file, the same in all processes of this run that share its folder."""
    if jax.process_count() == 1:
        return tempfile.TemporaryFile()
    number = int(multihost_utils.broadcast_one_to_all(np.int32(secrets.randbits(31))))
    path = pathlib.Path(tempfile.gettempdir()) / f"fevgan_jax_{number:08x}_{socket.gethostname()}"
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        multihost_utils.sync_global_devices("decoded clips are open")
    finally:
        path.unlink(missing_ok=True)
    return file
