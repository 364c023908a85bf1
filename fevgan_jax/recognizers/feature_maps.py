"""Feature maps of the nets, selected by name and scaled to unit root mean square."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp

_EPSILON = 1e-8


def pick(features: str, layers: Iterable[tuple[str, jax.Array]], known: tuple[str, ...]):
    """Runs a net as deep as needed and concatenates the maps that were asked for.

    Args:
      features: names of `known` joined by "+"; their grids must be the same.
      layers: yields each layer's name and output, in order; not run past the last one wanted.
      known: every name, in order.

    Returns:
      Maps `[B, h, w, D]` at unit scale, in float32 at least: each part is divided by its root mean
      square over the sample's positions and channels (choice: needs no stored statistics, and
      gives the parts equal weight). An embedding `[B, D]` is returned unscaled.

    Raises:
      ValueError: a name is not known, or the parts' grids differ.
    """
    wanted = features.split("+")
    if unknown := set(wanted) - set(known):
        raise ValueError(f"there is no layer {sorted(unknown)}; there are {known}.")
    deepest = max(wanted, key=known.index)
    found = {}
    for name, x in layers:
        if name in wanted:
            found[name] = _unit_scale(x) if x.ndim == 4 else x
        if name == deepest:
            break
    grids = {name: found[name].shape[1:-1] for name in wanted}
    if len(set(grids.values())) > 1:
        raise ValueError(f"features {features!r} differ in grid: {grids}.")
    return jnp.concatenate([found[name] for name in wanted], axis=-1)


def _unit_scale(x: jax.Array) -> jax.Array:
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return x / jnp.sqrt(jnp.mean(jnp.square(x), axis=(1, 2, 3), keepdims=True) + _EPSILON)
