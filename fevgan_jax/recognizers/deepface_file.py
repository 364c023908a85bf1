"""Finds, downloads and reads the weight files of deepface."""

import importlib
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import h5py
import jax
import numpy as np

from fevgan_jax.runtime.errors import UserError


def find(file_name: str, net: str) -> pathlib.Path:
    """A weight file in deepface's own folder; deepface downloads it when it is missing.

    Args:
      file_name: such as "openface_weights.h5".
      net: deepface's module for it, such as "OpenFace".

    Raises:
      UserError: it is missing and cannot be downloaded.
    """
    home = pathlib.Path(os.environ.get("DEEPFACE_HOME", pathlib.Path.home()))
    path = home / ".deepface" / "weights" / file_name
    if not path.is_file():
        _download(path, net)
    return path


def _download(path: pathlib.Path, net: str) -> None:
    try:
        # Importing deepface is slow, and only a download needs it.
        model = importlib.import_module(f"deepface.models.facial_recognition.tf.{net}")
        weight_utils = importlib.import_module("deepface.commons.weight_utils")
        path.parent.mkdir(parents=True, exist_ok=True)
        weight_utils.download_weights_if_necessary(
            file_name=path.name, source_url=model.WEIGHTS_URL
        )
    # deepface wraps its downloader's errors in a ValueError.
    except (ImportError, OSError, ValueError) as error:
        raise UserError(
            f"{path.name} is not at {path} and deepface cannot download it "
            f"({type(error.__cause__ or error).__name__}): run this on a connected machine, or "
            "name the file with --source."
        ) from error


def read(source: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Reads a Keras `.h5` file of weights.

    Returns:
      The arrays of each layer that has any, in the file's order.

    Raises:
      UserError: it is missing, truncated or not a Keras file.
    """
    try:
        with h5py.File(source) as file:
            layers = {name: _arrays(file[name]) for name in file.attrs["layer_names"]}
    except (OSError, KeyError) as error:
        raise UserError(
            f"{source} cannot be read as a Keras file of weights ({error}): get the file again."
        ) from error
    return {_text(name): arrays for name, arrays in layers.items() if arrays}


def check(params: Mapping[str, Any], expected: Mapping[str, Any], source: Any, net: str) -> None:
    """Checks that parameters have the net's shapes.

    Raises:
      UserError: a layer is missing or has another shape; the message names it.
    """
    found, wanted = (jax.tree.map(np.shape, dict(tree)) for tree in (params, expected))
    if wrong := [name for name in wanted if found.get(name) != wanted[name]]:
        raise UserError(
            f"{source} does not hold {net}: {wrong[0]} has {found.get(wrong[0])}, not "
            f"{wanted[wrong[0]]}; get the file again."
        )


def _arrays(layer: h5py.Group) -> list[np.ndarray]:
    return [np.asarray(layer[name], np.float32) for name in layer.attrs["weight_names"]]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
