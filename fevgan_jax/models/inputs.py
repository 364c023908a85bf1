"""Default inputs of a family's modules, made from a batch."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

FEATURES = ("video", "label")
"""The features of the data set that FEV-GAN's batches hold."""


def condition(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The condition of a photo-conditioned generator.

    Args:
      batch: `photo` `[B, H, W, 3]` in [-1, 1] and `label` int32 `[B]`.

    Returns:
      `image` `[B, H, W, 3]` in [-1, 1] and `label` `[B]`.
    """
    return {"image": batch["photo"], "label": batch["label"]}


def label_alone(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The condition of a generator that is given no photo; evaluation sorts by its label.

    Args:
      batch: `label` int32 `[B]`.

    Returns:
      `label` `[B]`.
    """
    return {"label": batch["label"]}


def real(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The real data that a generator of videos is compared with.

    Args:
      batch: `video` `[B, T, H, W, 3]` in [-1, 1].

    Returns:
      `video`.
    """
    return {"video": batch["video"]}


def to_video(outputs: Mapping[str, jax.Array], condition: Mapping[str, jax.Array]) -> jax.Array:
    """The video `[B, T, H, W, 3]` in [-1, 1] by which a generator's outputs are shown."""
    del condition  # for families that draw a video from landmarks or pictures
    return outputs["video"]


def to_signed(pixels: jax.Array) -> jax.Array:
    """Turns uint8 pixels into floats in [-1, 1], the range of the generator's tanh."""
    return pixels.astype(jnp.float32) / 127.5 - 1.0


def to_pixels(video: jax.Array) -> jax.Array:
    """Turns floats in [-1, 1] into the nearest uint8 pixels."""
    return jnp.clip(jnp.round((video + 1.0) * 127.5), 0, 255).astype(jnp.uint8)


def noise(keys: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Standard normal noise in which each row has its own key.

    A clip's noise then does not depend on the other clips of its batch.

    Args:
      keys: `condition["key"]`, PRNG keys `[B]`.
      shape: shape of a row.

    Returns:
      `[B, *shape]` float32.
    """
    return jax.vmap(lambda key: jax.random.normal(key, shape))(keys)
