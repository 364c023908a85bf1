"""Warps a photo along a few modes: pure functions of photo, fields and amplitudes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

MASK_START = -2.0
"""Added to the mask's logits (choice: a tenth of the pixels is painted before training)."""
_STEPS, _STEEPEST, _LONGEST = 8, 0.1, 0.05
"""Newton's steps, the least slope that they divide by, and the longest of them in shares of the
side (choice: then the point is found to a tenth of a pixel but in folds)."""


class Fields(NamedTuple):
    """What is predicted once for a photo and a target, for K modes.

    Attributes:
      flow: `[B, H, W, K, 2]`, (column, row) as shares of the side: the position in the photo from
        which each mode takes a pixel, minus the pixel's own position.
      mask: `[B, H, W, K + 1]`, logits of the share of paint at the end of the way: a constant, and
        one for each mode.
      colour: `[B, H, W, K + 1, 3]`, the paint's colour before its tanh, in the same way.
      teeth: `[B, H, W, K + 1, 3]`, in the same way: the number of the tooth, counted from the
        middle to the right, and how far the pixel is from the biting edges of the upper and the
        lower row, in decimetres, negative past the edge. A tooth is seen where one is positive.
    """

    flow: jax.Array
    mask: jax.Array
    colour: jax.Array
    teeth: jax.Array

    def resized(self, height: int, width: int) -> "Fields":
        """The fields at another size (bicubic), which loses little, because they are smooth."""
        return Fields(*(self._resize(field, height, width) for field in self))

    def _resize(self, field: jax.Array, height: int, width: int) -> jax.Array:
        if field.shape[1:3] == (height, width):
            return field
        shape = (field.shape[0], height, width, *field.shape[3:])
        return jax.image.resize(field, shape, "cubic", antialias=False)


class Frames(NamedTuple):
    """What is known of T frames, before any picture is looked at.

    Attributes:
      flow: `[B, T, H, W, 2]`, as a mode's flow in `Fields`.
      paint: `[B, T, H, W, 1]` in [0, 1], the share of paint once movement allows it.
      colour: `[B, T, H, W, 3]` in [-1, 1], the paint's.
      teeth: `[B, T, H, W, 3]`, as `Fields.teeth` says.
    """

    flow: jax.Array
    paint: jax.Array
    colour: jax.Array
    teeth: jax.Array


def compose(
    photo: jax.Array, fields: Fields, amplitudes: jax.Array, end: jax.Array, steepness: float
) -> dict[str, jax.Array]:
    """Moves a photo's pixels and paints what the photo hides.

    Args:
      photo: `[B, H, W, 3]` in [-1, 1], of any size.
      fields: fields of any size; they are resized to the photo's.
      amplitudes: `[B, T, K]`, each mode's amplitude in each frame. Zeros give the photo.
      end: `[B, K]`, each mode's amplitude at the end of the way.
      steepness: of the gate.

    Returns:
      `video` `[B, T, H, W, 3]` in [-1, 1], and its parts: `moved`, the warped photo without paint;
      `mask` `[B, T, H, W, 1]` in [0, 1], the share of paint; `flow` `[B, T, H, W, 2]`; and, for
      those who paint at a higher resolution, `teeth` `[B, T, H, W, 3]`, as `Fields.teeth` says.
    """
    frames = on_the_way(fields.resized(*photo.shape[1:3]), amplitudes, end)
    moved = warp(photo, frames.flow)
    mask = gate(amplitudes, steepness)[..., None, None, None] * frames.paint
    video = (1.0 - mask) * moved + mask * frames.colour
    return {
        "video": video, "moved": moved, "mask": mask, "flow": frames.flow, "teeth": frames.teeth
    }  # fmt: skip


def on_the_way(fields: Fields, amplitudes: jax.Array, end: jax.Array) -> Frames:
    """What each pixel shows in frames on the way to what the fields say.

    At the end of the way a pixel shows a point of the photo, or paint. On the way each point is
    between its places in the photo and there, and takes its paint along: lips part little by
    little, and what is between them appears where they part. Scaling the flow at a pixel in place
    of moving points would paint the mouth of the end over lips that have hardly moved.

    Args:
      fields: for B photos and targets.
      amplitudes: `[B, T, K]`.
      end: `[B, K]`, the amplitudes at the end of the way.
    """
    flow, whole = (
        jnp.einsum("btk,bhwkc->bthwc", a, fields.flow) for a in (amplitudes, end[:, None])
    )
    there = carried(whole - flow)
    mask, colour, teeth = (_mix(end, field) for field in fields[1:])
    values = jnp.concatenate([mask[..., None], colour, teeth], axis=-1)
    mask, colour, teeth = jnp.split(warp(values, there), [1, 4], axis=-1)
    paint = jax.nn.sigmoid(mask + MASK_START)
    return Frames(_each(flow, there), paint, jnp.tanh(colour), teeth)


def carried(left: jax.Array) -> jax.Array:
    """Where each pixel's point will be at the end of its way, minus the pixel's own place.

    Solves, by Newton's method from the pixel itself, `x = y + left(y)`: a point that will be at `y`
    is at `x` now. Where the way is a fold, it is one of the points there.

    Args:
      left: `[B, T, H, W, 2]`, (column, row) in shares of the sides: how far, backwards, each point
        of the end still has to go.

    Returns:
      `[B, T, H, W, 2]`, `y - x`, with its exact gradient where there is no fold.
    """
    sides = jnp.array([left.shape[3], left.shape[2]], left.dtype)
    across, down = (jnp.gradient(left * sides, axis=axis) for axis in (3, 2))
    slopes = jax.lax.stop_gradient(jnp.concatenate([across, down], axis=-1))

    def step(left, there):
        now = _each(jnp.concatenate([left, slopes], axis=-1), there)
        error, (xx, yx, xy, yy) = there + now[..., :2], jnp.moveaxis(now[..., 2:], -1, 0)
        slope = jnp.maximum((1 + xx) * (1 + yy) - xy * yx, _STEEPEST)
        right, low = error[..., 0] * sides[0], error[..., 1] * sides[1]
        by = jnp.stack([(1 + yy) * right - xy * low, (1 + xx) * low - yx * right], axis=-1)
        by = by / slope[..., None] / sides
        long = jnp.sqrt(jax.lax.stop_gradient(jnp.square(by).sum(-1, keepdims=True)))
        return there - by / jnp.maximum(1.0, long / _LONGEST)

    fixed, start = jax.lax.stop_gradient(left), jnp.zeros_like(left)
    there = jax.lax.fori_loop(1, _STEPS, lambda _, there: step(fixed, there), start)
    return step(left, jax.lax.stop_gradient(there))


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


def _mix(end: jax.Array, field: jax.Array) -> jax.Array:
    """The sum of a constant field and of each mode's field times its amplitude.

    Args:
      end: `[B, K]`.
      field: `[B, H, W, K + 1, ...]`, the constant first.

    Returns:
      `[B, H, W, ...]`.
    """
    weights = jnp.concatenate([jnp.ones_like(end[:, :1]), end], axis=-1)
    return jnp.einsum("bk,bhwk...->bhw...", weights, field)


def _each(pictures: jax.Array, flow: jax.Array) -> jax.Array:
    """Warps each of `[B, T, H, W, C]` by its own flow `[B, T, H, W, 2]`."""
    return jax.vmap(warp, 1, 1)(pictures, flow[:, :, None])[:, :, 0]
