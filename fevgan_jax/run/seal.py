"""A checkpoint's seal: the hash of each of its files.

Forced: a flipped bit in an array passes tensorstore unseen, and a torn file makes it print pages of
internals.
"""

import hashlib
import json
import pathlib

from fevgan_jax.run.files import sync

_FILE = "sha256.json"


def write(folder: pathlib.Path) -> None:
    """Seals a checkpoint; all of it is on the disk when this returns.

    Args:
      folder: the checkpoint's, before its name becomes final: a name must not outlive its content
        when the power fails.
    """
    # orbax still writes to its own note at the top, so only the items are sealed.
    files = [path for path in folder.glob("*/**/*") if path.is_file()]
    seal = {str(path.relative_to(folder)): _sha256(path) for path in sorted(files)}
    (folder / _FILE).write_text(json.dumps(seal, indent=1))
    for path in (*folder.rglob("*"), folder):
        sync(path)


def check(folder: pathlib.Path) -> None:
    """Compares every file of a checkpoint with the seal.

    Raises:
      OSError: a file is missing.
      ValueError: a file is not as it was written.
    """
    for name, digest in json.loads((folder / _FILE).read_text()).items():
        if _sha256(folder / name) != digest:
            raise ValueError(f"{name} is not as it was written")


def _sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
