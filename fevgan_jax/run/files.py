"""Writing files so that they appear whole or not at all, and stay when the power fails."""

import os
import pathlib
import tempfile

from fevgan_jax.runtime.errors import UserError

_LONGEST_NAME = 255
"""Bytes of the longest name that Linux and macOS take."""


def require_folder(path: str | os.PathLike) -> None:
    """Checks that files can be written into a folder, or that it can be made.

    Raises:
      UserError: it, or a folder above it, is a file, may not be written, or has too long a name.
    """
    there = pathlib.Path(path).absolute()
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in there.parts):
        raise UserError(f"a part of {path} is longer than {_LONGEST_NAME} bytes; shorten it.")
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{path}: {there} is a file; name a folder for the output.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{path}: {there} may not be written; name a folder that you may write to.")


def require_file(path: str | os.PathLike) -> None:
    """Checks that no folder is where a file is to be written.

    Raises:
      UserError: there is one.
    """
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder, and a file is to be written there: move it away.")


def write_atomic(path: str | os.PathLike, content: bytes) -> None:
    """Writes `content` to `path` through a temporary neighbour and a rename.

    When this returns, the content, its name and the folders that were made for it are on the disk.

    Args:
      path: the file to make or replace; its folder is made when it is missing.
      content: the whole content.

    Raises:
      UserError: there is a folder of this name.
    """
    path = pathlib.Path(path)
    require_file(path)
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    for folder in (path, *made):
        sync(folder.parent)


def sync(path: str | os.PathLike) -> None:
    """Returns when a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
