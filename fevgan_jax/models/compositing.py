"""Warps a photo along a few modes: pure functions of photo, fields and amplitudes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

MASK_START = -2.0
"""Added to the mask's logits (choice: a tenth of the pixels is painted before training)."""


class Fields(NamedTuple):
    """What is predicted once for a photo and a target, for K modes.

    Attributes:
      flow: `[B, H, W, K, 2]`, (column, row) as shares of the side: the position in the photo from
        which each mode takes a pixel, minus the pixel's own position.
      mask: `[B, H, W, K + 1]`, logits of the share of paint: a constant, and one for each mode.
      colour: `[B, H, W, K + 1, 3]`, the paint's colour before its tanh, in the same way.
    """

    flow: jax.Array
    mask: jax.Array
    colour: jax.Array

    def resized(self, height: int, width: int) -> "Fields":
        """The fields at another size (bicubic), which loses little, because they are smooth."""
        return Fields(*(self._resize(field, height, width) for field in self))

    def _resize(self, field: jax.Array, height: int, width: int) -> jax.Array:
        if field.shape[1:3] == (height, width):
            return field
        shape = (field.shape[0], height, width, *field.shape[3:])
        return jax.image.resize(field, shape, "cubic", antialias=False)


def compose(
    photo: jax.Array, fields: Fields, amplitudes: jax.Array, steepness: float
) -> dict[str, jax.Array]:
    """Moves a photo's pixels and paints what the photo hides.

    Args:
      photo: `[B, H, W, 3]` in [-1, 1], of any size.
      fields: fields of any size; they are resized to the photo's.
      amplitudes: `[B, T, K]`, each mode's amplitude in each frame. Zeros give the photo.
      steepness: of the gate.

    Returns:
      `video` `[B, T, H, W, 3]` in [-1, 1], and its parts: `moved`, the warped photo without paint;
      `mask` `[B, T, H, W, 1]` in [0, 1], the share of paint; `flow` `[B, T, H, W, 2]`.
    """
    fields = fields.resized(*photo.shape[1:3])
    flow = jnp.einsum("btk,bhwkc->bthwc", amplitudes, fields.flow)
    moved = warp(photo, flow)
    mask = gate(amplitudes, steepness)[..., None, None, None] * jax.nn.sigmoid(
        mix(amplitudes, fields.mask)[..., None] + MASK_START
    )
    colour = jnp.tanh(mix(amplitudes, fields.colour))
    video = (1.0 - mask) * moved + mask * colour
    return {"video": video, "moved": moved, "mask": mask, "flow": flow}


def warp(photo: jax.Array, flow: jax.Array) -> jax.Array:
    """Samples the photo at each pixel's position plus the flow: bilinear, edges are repeated.

    Choice: JAX's sampler, which on 2 CPU cores was as fast as one made of four gathers in the
    forward pass, and a fifth to a half faster in the backward pass.

    Args:
      photo: `[B, H, W, C]`.
      flow: `[B, T, H, W, 2]`, (column, row) as shares of the sides.

    Returns:
      `[B, T, H, W, C]`.
    """
    height, width = photo.shape[1:3]
    rows = jnp.arange(height)[:, None] + flow[..., 1] * height
    columns = jnp.arange(width) + flow[..., 0] * width

    def sample(channel, rows, columns):
        return map_coordinates(channel, [rows, columns], order=1, mode="nearest")

    channels = jax.vmap(sample, (2, None, None), -1)
    return jax.vmap(channels)(photo, rows, columns)


def gate(amplitudes: jax.Array, steepness: float) -> jax.Array:
    """The share of paint that amplitudes `[..., K]` allow, `[...]` in [0, 1): 0 without motion."""
    return 1.0 - jnp.exp(-steepness * jnp.square(amplitudes).sum(-1))


def mix(amplitudes: jax.Array, field: jax.Array) -> jax.Array:
    """The sum of a constant field and of each mode's field times its amplitude.

    Args:
      amplitudes: `[B, T, K]`.
      field: `[B, H, W, K + 1, ...]`, the constant first.

    Returns:
      `[B, T, H, W, ...]`.
    """
    weights = jnp.concatenate([jnp.ones_like(amplitudes[..., :1]), amplitudes], axis=-1)
    return jnp.einsum("btk,bhwk...->bthw...", weights, field)
