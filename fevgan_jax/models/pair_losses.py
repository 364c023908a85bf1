"""Losses against the exact answers of a rendered pair: flow, hidden pixels, the photo's units.

Each takes `context.outputs` from `compositing.compose`, and `context.real` with `video`,
`flow`, `visible`, `hidden`, `mouth`, `tooth` and `shown` (`models.motion_modes.real`). All are
choices.
"""

import jax
import jax.numpy as jnp
import optax

_EVEN = 30.0
"""Added to the count of hidden values, to limit the weight of pictures with few (choice)."""
_SURE = 1e-4
"""Distance from 0 and 1 to which the mask is clipped in a logarithm."""
_UPPER, _LOWER, _INSIDE = 1, 2, 3
"""What `mouth` says of a pixel (forced: the data set's numbers)."""
_EDGE = 0.015
"""Decimetres over which a tooth's edge is uncertain: half a pixel of 64."""

_FEATURES = ((0.35, 0.32), (0.66, 0.32), (0.51, 0.68))
"""Where the eyes and the mouth of a pair's picture are on average, in shares of the side, x then y;
their standard deviation is 0.04."""
_REACH = 0.08
"""Standard deviation of the weight around each, in shares of the side (choice)."""


def flow(context, *, focus: float = 0.0) -> jax.Array:
    """Mean absolute error of the flow, as shares of the side, where the pixel is visible.

    Args:
      context: what the step has computed.
      focus: how much more a pixel at the eyes or the mouth counts than one far from them.
    """
    seen = context.real["visible"] * _weights(context.real["visible"], focus)
    error = jnp.abs(context.outputs["flow"] - context.real["flow"])
    return (error * seen).sum() / (2.0 * seen.sum() + 1.0)


def moved(context, *, focus: float = 0.0) -> jax.Array:
    """Absolute error of the warped photo, summed over channels, where pixels are visible.

    Args: as of `flow`.
    """
    seen = context.real["visible"] * _weights(context.real["visible"], focus)
    error = jnp.abs(context.outputs["moved"] - context.real["video"])
    return (error * seen).sum() / (seen.sum() + 1.0)


def hidden(context) -> jax.Array:
    """Mean absolute error of the picture at pixels that the photo hides."""
    where = context.real["hidden"]
    error = jnp.abs(context.outputs["video"] - context.real["video"])
    return (error * where).sum() / (3.0 * where.sum() + _EVEN)


def mask(context) -> jax.Array:
    """Cross-entropy of the mask: paint hidden pixels, and few others.

    A hidden pixel has ten times the weight of a visible one: there are few, and a visible one may
    be painted where its flow is wrong.
    """
    painted = jnp.clip(context.outputs["mask"], _SURE, 1.0 - _SURE)
    paint = context.real["hidden"] * jnp.log(painted)
    keep = context.real["visible"] * jnp.log(1.0 - painted)
    return -(4.0 * paint + 0.4 * keep).mean()


def smooth(context) -> jax.Array:
    """Mean absolute difference of the flow between neighbours, the sum over rows and columns."""
    field = context.outputs["flow"]
    return sum(jnp.abs(jnp.diff(field, axis=axis)).mean() for axis in (2, 3))


def strain(context, *, focus: float = 0.0) -> jax.Array:
    """Mean absolute error of the flow's differences between neighbours, over rows and columns.

    Where both are visible. A lip or a lid moves little beside the head, and most of the error of
    the flow itself is the head's; differences tell how the face deforms. Args: as of `flow`.
    """
    error, seen = context.outputs["flow"] - context.real["flow"], context.real["visible"]
    weighted = seen * _weights(seen, focus)
    total = count = 0.0
    for axis in (2, 3):
        first = jax.lax.slice_in_dim(weighted, 0, -1, axis=axis)
        both = first * jax.lax.slice_in_dim(seen, 1, None, axis=axis)
        total += (jnp.abs(jnp.diff(error, axis=axis)) * both).sum()
        count += 2.0 * both.sum()
    return total / (count + 1.0)


def teeth(context) -> jax.Array:
    """Error of the place on the tooth that a pixel shows, and of which row has a tooth there.

    Over the pixels inside of the mouth: the error of the tooth's number, ten times that of the
    distance from its edge in decimetres, and the cross-entropy of either row's being seen. The
    lower row is not asked for behind the upper one.
    """
    number, *rows = jnp.split(context.outputs["teeth"], 3, axis=-1)
    true_number, distance = jnp.split(context.real["tooth"], 2, axis=-1)
    is_upper, is_lower, is_inside = (
        (context.real["mouth"] == kind).astype(jnp.float32) for kind in (_UPPER, _LOWER, _INSIDE)
    )
    total = (jnp.abs(number - true_number) * (is_upper + is_lower)).sum()
    behind = is_inside + is_lower
    for row, seen, asked in zip(rows, (is_upper, is_lower), (1.0, behind), strict=True):
        total += (10.0 * jnp.abs(row - distance) * seen).sum()
        told = optax.sigmoid_binary_cross_entropy(row / _EDGE, seen)
        total += (told * asked * (is_upper + behind)).sum()
    return total / ((is_upper + behind).sum() + _EVEN)


def shown(context) -> jax.Array:
    """Mean square error of the predicted face units of the photo."""
    return jnp.square(context.outputs["shown"] - context.real["shown"]).mean()


def _weights(picture: jax.Array, focus: float) -> jax.Array:
    """Of the pixels of `[B, T, S, S, C]`, `[S, S, 1]`: from 1 to 1 + focus at eyes and mouth."""
    line = (jnp.arange(picture.shape[2]) + 0.5) / picture.shape[2]
    near = sum(
        jnp.exp(-((line - x) ** 2 + (line[:, None] - y) ** 2) / (2 * _REACH**2))
        for x, y in _FEATURES
    )
    return 1.0 + focus * near[..., None]


GENERATOR_LOSSES = {
    "flow": flow,
    "moved": moved,
    "hidden": hidden,
    "mask": mask,
    "smooth": smooth,
    "strain": strain,
    "teeth": teeth,
    "shown": shown,
}
