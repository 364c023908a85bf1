"""Detects a full disk behind the exceptions of other libraries."""

import contextlib
import os
from collections.abc import Iterator

from fevgan_jax.runtime.errors import UserError


@contextlib.contextmanager
def full_disk_is_bad_input(folder: str | os.PathLike) -> Iterator[None]:
    """Turns a library's exception about a full disk into a UserError.

    Forced: tensorstore, array_record, ffmpeg and TensorFlow each raise an exception of their own,
    none of them an OSError with its errno, and clu wraps it in another.

    Args:
      folder: the folder that is written to.

    Raises:
      UserError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if not _is_full_disk(error):
            raise
        raise UserError(
            f"the disk of {folder} is full: free space, then run the same command again."
        ) from error


def _is_full_disk(error: BaseException | None) -> bool:
    if error is None:
        return False
    return "No space left on device" in str(error) or _is_full_disk(error.__cause__)
