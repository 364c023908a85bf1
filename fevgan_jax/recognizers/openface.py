"""OpenFace's nn4.small2 (Amos, Ludwiczuk and Satyanarayanan 2016): the embedder of the paper's ACD.

A 128-d embedding of unit length. Its layers are those of deepface's Keras definition, which
pads the pooled branches with zeros where the original's windows overlap; each BatchNorm, frozen
here, is folded into the convolution before it.
"""

import functools
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax import recognizers
from fevgan_jax.recognizers import deepface_file, feature_maps, weights_folder

NET = "openface"
SOURCE = "openface_weights.h5 as deepface distributes it"
LICENSE = "Apache-2.0 (Carnegie Mellon University)"
PROTOCOL = "RGB in [0, 1], the whole aligned crop resized to 96x96, unit length"

_SIDE = 96
_EPSILON = 1e-5  # BatchNorm's


class _Inception(NamedTuple):
    """The branches of a block; None leaves a branch out.

    Attributes:
      three: widths of the 1x1 and the 3x3 convolution.
      five: widths of the 1x1 and the 5x5 convolution.
      pool: the kind of pooling, its stride, and the width of the 1x1 convolution after it.
      one: width of the 1x1 convolution.
      stride: of the last convolutions.
    """

    three: tuple[int, int]
    five: tuple[int, int] | None
    pool: tuple[str, int, int | None]
    one: int | None
    stride: int = 1


_INCEPTIONS = {
    "inception_3a": _Inception((96, 128), (16, 32), ("max", 2, 32), 64),
    "inception_3b": _Inception((96, 128), (32, 64), ("l2", 3, 64), 64),
    "inception_3c": _Inception((128, 256), (32, 64), ("max", 2, None), None, stride=2),
    "inception_4a": _Inception((96, 192), (32, 64), ("l2", 3, 128), 256),
    "inception_4e": _Inception((160, 256), (64, 128), ("max", 2, None), None, stride=2),
    "inception_5a": _Inception((96, 384), None, ("l2", 3, 96), 256),
    "inception_5b": _Inception((96, 384), None, ("max", 2, 96), 256),
}
LAYERS = ("stem", *_INCEPTIONS, "embedding")
"""Every feature map by name, in order; `inception_4e` is a 3x3 grid of 1024 maps."""


class Network(nn.Module):
    """The recogniser, as deep as the features asked for need.

    Attributes:
      features: names from `LAYERS` joined by "+".
    """

    features: str = "embedding"

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Computes an embedding or feature maps.

        Args:
          image: `[B, 96, 96, 3]` as `preprocess` gives it.

        Returns:
          `[B, 128]` of unit length, or maps `[B, h, w, D]` at unit scale.

        Raises:
          ValueError: a name is not in `LAYERS`, or the parts' grids differ.
        """
        return feature_maps.pick(self.features, self.layers(image), LAYERS)

    def layers(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Gives the name and the maps of each layer in order, at their own scale."""
        x = _halve(_convolve(x, 64, 7, 2, name="conv1"))
        x = _convolve(_normalise_locally(x), 64, 1, name="conv2")
        x = _halve(_normalise_locally(_convolve(x, 192, 3, name="conv3")))
        yield "stem", x
        for name, block in _INCEPTIONS.items():
            x = _inception(x, block, name)
            yield name, x
        x = nn.Dense(128, name="dense_layer")(x.mean((1, 2)))
        yield "embedding", x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def _inception(x: jax.Array, block: _Inception, name: str) -> jax.Array:
    branches = []
    for side, widths in ((3, block.three), (5, block.five)):
        if widths:
            inner = _convolve(x, widths[0], 1, name=f"{name}_{side}x{side}_conv1")
            last = f"{name}_{side}x{side}_conv2"
            branches.append(_convolve(inner, widths[1], side, block.stride, name=last))
    kind, stride, width = block.pool
    pooled = {"max": _max_pool, "l2": _l2_pool}[kind](x, stride)
    if width:
        pooled = _convolve(pooled, width, 1, name=f"{name}_pool_conv")
    branches.append(_centre(pooled, branches[0].shape[1]))
    if block.one:
        branches.append(_convolve(x, block.one, 1, name=f"{name}_1x1_conv"))
    return jnp.concatenate(branches, axis=-1)


def _convolve(x: jax.Array, width: int, side: int, stride: int = 1, *, name: str) -> jax.Array:
    return nn.relu(nn.Conv(width, (side, side), stride, padding=side // 2, name=name)(x))


def _halve(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))


def _max_pool(x: jax.Array, stride: int) -> jax.Array:
    return nn.max_pool(x, (3, 3), (stride, stride))


def _l2_pool(x: jax.Array, stride: int) -> jax.Array:
    energy = 9.0 * nn.avg_pool(jnp.square(x), (3, 3), (stride, stride))
    # The square root's gradient is infinite at zero, which whole windows are after ReLU.
    silent = energy == 0.0
    return jnp.where(silent, 0.0, jnp.sqrt(jnp.where(silent, 1.0, energy)))


def _centre(x: jax.Array, side: int) -> jax.Array:
    """Pads a grid with zeros on all sides to a larger one."""
    missing = side - x.shape[1]
    edges = (missing // 2, missing - missing // 2)
    return jnp.pad(x, ((0, 0), edges, edges, (0, 0)))


def _normalise_locally(x: jax.Array) -> jax.Array:
    """Local response normalisation over 11 neighbouring channels."""
    channel = np.arange(x.shape[-1])
    near = (np.abs(channel[:, None] - channel) <= 5).astype(np.float32)
    scale = (1.0 + 1e-4 * jnp.square(x) @ near) ** -0.75
    return x * scale.astype(x.dtype)


def preprocess(image: jax.Array) -> jax.Array:
    """Resizes RGB `[B, H, W, 3]` in [-1, 1] to 96x96 (bilinear) in [0, 1].

    Choice: RGB, as in OpenFace's own code; deepface feeds BGR.
    """
    batch, _, _, channels = image.shape
    return jax.image.resize((image + 1.0) / 2.0, (batch, _SIDE, _SIDE, channels), "linear")


def default_source() -> pathlib.Path:
    """The file in deepface's folder, downloaded by deepface when it is missing.

    Raises:
      UserError: it is missing and cannot be downloaded.
    """
    return deepface_file.find("openface_weights.h5", "OpenFace")


def convert(source: str | os.PathLike) -> dict[str, Any]:
    """Reads the Keras file by its layers' names and folds each BatchNorm into its convolution.

    Args:
      source: `openface_weights.h5`.

    Returns:
      Parameters of `Network`: `{"conv1": {"kernel", "bias"}, ...}`.

    Raises:
      UserError: the file is missing, damaged or of another net.
    """
    layers = deepface_file.read(source)
    params = {}
    for name, arrays in layers.items():
        if "bn" in name or len(arrays) != 2:
            continue
        kernel, bias = arrays
        norm = layers.get(name.replace("conv", "bn"), [])
        if len(norm) == 4 and norm[0].shape == bias.shape:
            gain, shift, mean, variance = norm
            gain = gain / np.sqrt(variance + _EPSILON)
            kernel, bias = kernel * gain, (bias - mean) * gain + shift
        elif name != "dense_layer":
            continue  # reported as missing by the check below
        params[name] = {"kernel": kernel, "bias": bias}
    deepface_file.check(params, recognizers.shapes(NET, LAYERS[-1]), source, "OpenFace's layers")
    return params


load = functools.partial(weights_folder.load, NET)
"""See `weights_folder.load`."""
