"""Losses against the exact answers of a rendered pair: flow, what was hidden, units shown.

Each sees `context.outputs` as `compositing.compose` gives them, and `context.real` with `video`,
`flow`, `visible`, `hidden` and `shown` (`models.motion_modes.real`). All are choices of ours.
"""

import jax
import jax.numpy as jnp

_EVEN = 30.0
"""Added to the count of hidden values: a picture with next to none does not shout (choice)."""
_SURE = 1e-4
"""Nearest that the mask comes to 0 and 1 in a logarithm."""


def flow(context) -> jax.Array:
    """Mean absolute error of the flow, in shares of the side, where the photo shows the answer."""
    seen = context.real["visible"]
    error = jnp.abs(context.outputs["flow"] - context.real["flow"])
    return (error * seen).sum() / (2.0 * seen.sum() + 1.0)


def moved(context) -> jax.Array:
    """Absolute error of the moved pixels alone, the three channels added, where they are shown."""
    seen = context.real["visible"]
    error = jnp.abs(context.outputs["moved"] - context.real["video"])
    return (error * seen).sum() / (seen.sum() + 1.0)


def hidden(context) -> jax.Array:
    """Mean absolute error of the picture where the photo hid what it shows."""
    where = context.real["hidden"]
    error = jnp.abs(context.outputs["video"] - context.real["video"])
    return (error * where).sum() / (3.0 * where.sum() + _EVEN)


def mask(context) -> jax.Array:
    """Cross-entropy of the mask: paint what was hidden, and little else.

    A hidden pixel weighs ten times a shown one: there are few, and a shown one may be painted
    where its flow is wrong.
    """
    painted = jnp.clip(context.outputs["mask"], _SURE, 1.0 - _SURE)
    paint = context.real["hidden"] * jnp.log(painted)
    keep = context.real["visible"] * jnp.log(1.0 - painted)
    return -(4.0 * paint + 0.4 * keep).mean()


def smooth(context) -> jax.Array:
    """Mean absolute difference of the flow between neighbours, rows and columns added."""
    field = context.outputs["flow"]
    return sum(jnp.abs(jnp.diff(field, axis=axis)).mean() for axis in (2, 3))


def shown(context) -> jax.Array:
    """Mean square error of the face units that the photo is said to show."""
    return jnp.square(context.outputs["shown"] - context.real["shown"]).mean()


GENERATOR_LOSSES = {
    "flow": flow,
    "moved": moved,
    "hidden": hidden,
    "mask": mask,
    "smooth": smooth,
    "shown": shown,
}
