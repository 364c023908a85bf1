"""Gradient accumulation: a batch processed in microbatches, to save memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def split(batch: Any, parts: int) -> Any:
    """Splits rows `[B, ...]` into `[parts, B / parts, ...]`: row r belongs to part r mod parts.

    Rows stay on their device, which has the same number of each part.
    """
    return jax.tree.map(
        lambda rows: jnp.moveaxis(rows.reshape(-1, parts, *rows.shape[1:]), 1, 0), batch
    )


def accumulate(
    compute: Callable[[Any, Any, jax.Array], tuple[Any, Any]],
    parts: int,
    carried: Any,
    batch: Any,
    key: jax.Array,
) -> tuple[Any, Any]:
    """Runs `compute(carried, part, key) -> carried, results` on each part of a batch in turn.

    Returns:
      `carried` after the last part, and the means of the results.
    """
    if parts == 1:
        return compute(carried, batch, key)

    def add(carry, part):
        carried, sums = carry
        carried, results = compute(carried, *part)
        return (carried, jax.tree.map(jnp.add, sums, results)), None

    parts_of_batch = (split(batch, parts), jax.random.split(key, parts))
    first = jax.tree.map(lambda rows: rows[0], parts_of_batch)
    shapes = jax.eval_shape(compute, carried, *first)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    (carried, sums), _ = jax.lax.scan(add, (carried, zeros), parts_of_batch)
    return carried, jax.tree.map(lambda total: total / parts, sums)
