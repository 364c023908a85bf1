"""A disk that is full, in whatever words a library says so."""

import contextlib
import os
from collections.abc import Iterator

from fevgan_jax.runtime.errors import UserError


@contextlib.contextmanager
def full_disk_is_bad_input(folder: str | os.PathLike) -> Iterator[None]:
    """Turns a library's error about a full disk into a sentence for the user.

    Forced: tensorstore, array_record, ffmpeg and TensorFlow each raise a kind of their own for it,
    none of them an OSError with its errno, and clu hides it behind another.

    Args:
      folder: what was being written.

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
