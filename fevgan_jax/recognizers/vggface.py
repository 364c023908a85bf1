"""VGG-Face (Parkhi, Vedaldi and Zisserman 2015): the paper's E_id.

Its trunk is VGG-16's; only the weights and the preprocessing differ.
"""

import functools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax import recognizers
from fevgan_jax.recognizers import deepface_file, vgg16, weights_folder

NET = "vggface"
SOURCE = "vgg_face_weights.h5 as deepface distributes it"
LICENSE = "non-commercial research, as the Visual Geometry Group states"
PROTOCOL = "BGR in [0, 255] minus the mean face, the aligned crop as it is (224x224 from fc6 on)"

LAYERS = (*vgg16.LAYERS, "fc6", "fc7", "logits")
"""Every feature map by name, in order; `fc` ones are taken after their ReLU."""
_TOP = {"fc6": (4096, 7), "fc7": (4096, 1), "logits": (2622, 1)}
_SIDE = 224  # forced: fc6 reads 7x7 positions of pool5
_FC_GRID = (2, 2, 1024)  # paper: 1024 maps; that they are fc7's is one interpretation

# Mean of its training faces, BGR in [0, 255]; forced by the weights.
_MEAN = (93.5940, 104.7624, 129.1863)


class Network(vgg16.Network):
    """The trunk and, when their features are asked for, the layers above it.

    `fc6` and `fc7` are given as `[B, 2, 2, 1024]` at unit scale, `logits` as `[B, 2622]`; for
    these the picture is first resized to 224x224 (bilinear).
    """

    known = LAYERS

    def layers(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Gives the name and the maps of each layer in order, at their own scale."""
        above = bool(set(self.features.split("+")) & set(_TOP))
        if above:
            x = jax.image.resize(x, (len(x), _SIDE, _SIDE, 3), "linear")
        for name, maps in super().layers(x):
            x = maps
            yield name, x
        for name, (width, side) in _TOP.items():
            x = nn.Conv(width, (side, side), padding="VALID", name=name)(x)
            if name == "logits":
                yield name, x.reshape(len(x), width)
            else:
                x = nn.relu(x)
                yield name, x.reshape(len(x), *_FC_GRID)


def preprocess(image: jax.Array) -> jax.Array:
    """Turns RGB `[..., 3]` in [-1, 1] into BGR in [0, 255] minus the mean face."""
    return (image[..., ::-1] + 1.0) * 127.5 - jnp.array(_MEAN)


def default_source() -> pathlib.Path:
    """The file in deepface's folder, downloaded by deepface when it is missing.

    Raises:
      UserError: it is missing and cannot be downloaded.
    """
    return deepface_file.find("vgg_face_weights.h5", "VGGFace")


def convert(source: str | os.PathLike) -> dict[str, Any]:
    """Reads all 16 convolutions from the Keras file, which holds them in order.

    Args:
      source: `vgg_face_weights.h5`.

    Returns:
      Parameters of `Network`: `{"conv1_1": {"kernel", "bias"}, ...}`.

    Raises:
      UserError: the file is missing, damaged or of another net.
    """
    names = [name for name in LAYERS if not name.startswith("pool")]
    layers = deepface_file.read(source).values()
    params = {
        name: dict(zip(("kernel", "bias"), arrays, strict=False))
        for name, arrays in zip(names, layers, strict=False)
    }
    deepface_file.check(params, recognizers.shapes(NET, LAYERS[-1]), source, "VGG-Face")
    return params


load = functools.partial(weights_folder.load, NET)
"""See `weights_folder.load`."""
