"""VGG-Face's convolutional trunk (Parkhi, Vedaldi and Zisserman 2015): the paper's E_id.

Its layout is VGG-16's, so the network is the same; only the weights and what they expect differ.
"""

import os
import pathlib
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.errors import UserError
from fevgan_jax.recognizers import weights_folder
from fevgan_jax.recognizers.vgg16 import LAYERS, Network

__all__ = ["LICENSE", "SOURCE", "Network", "convert", "default_source", "load", "preprocess"]

NET = "vggface"
SOURCE = "vgg_face_weights.h5 as deepface distributes it"
LICENSE = "non-commercial research, as the Visual Geometry Group states"

# Mean of its training faces, BGR in [0, 255]; forced by the weights.
_MEAN = (93.5940, 104.7624, 129.1863)


def preprocess(image: jax.Array) -> jax.Array:
    """Turns RGB `[..., 3]` in [-1, 1] into BGR in [0, 255] minus the mean face."""
    return (image[..., ::-1] + 1.0) * 127.5 - jnp.array(_MEAN)


def default_source() -> pathlib.Path:
    """The file where deepface keeps it.

    Raises:
      UserError: it is not there.
    """
    home = pathlib.Path(os.environ.get("DEEPFACE_HOME", pathlib.Path.home()))
    path = home / ".deepface" / "weights" / "vgg_face_weights.h5"
    if not path.is_file():
        raise UserError(
            f"VGG-Face's weights are not at {path}: let deepface download vgg_face_weights.h5 on a "
            "connected machine, then name the file with --source."
        )
    return path


def convert(source: str | os.PathLike) -> dict[str, Any]:
    """Reads the 13 convolutions from Keras's file; the layers above them are left out.

    Args:
      source: `vgg_face_weights.h5`.

    Returns:
      Parameters of `Network`: `{"conv1_1": {"kernel", "bias"}, ...}`.

    Raises:
      UserError: the file is missing, damaged or another net's.
    """
    names = [name for name in LAYERS if name.startswith("conv")]
    try:
        with h5py.File(source) as file:
            layers = [_arrays(file[name]) for name in file.attrs["layer_names"]]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{source} cannot be read as vgg_face_weights.h5 ({error}): get the file anew."
        ) from error
    trunk = [arrays for arrays in layers if len(arrays) == 2][: len(names)]
    params = {
        name: {"kernel": kernel, "bias": bias}
        for name, (kernel, bias) in zip(names, trunk, strict=False)
    }
    expected = jax.eval_shape(Network().init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
    if jax.tree.map(np.shape, params) != jax.tree.map(np.shape, dict(expected["params"])):
        raise UserError(f"{source} does not hold VGG-Face's layers: get vgg_face_weights.h5 anew.")
    return params


def load(weights_dir: str | None = None) -> tuple[dict[str, Any], str]:
    """Parameters from the weights folder, and their sha256.

    Raises:
      UserError: they are not there or damaged; the message names the command that gets them.
    """
    return weights_folder.load(NET, weights_dir)


def _arrays(layer: h5py.Group) -> list[np.ndarray]:
    return [np.asarray(layer[name], np.float32) for name in layer.attrs["weight_names"]]
