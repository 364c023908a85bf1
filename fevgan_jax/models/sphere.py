"""Curves as points on the unit hypersphere: square-root velocity form, logarithm, exponential.

A curve `[..., T, D]` without its start and its length is a unit vector of T x D numbers (Srivastava
et al. 2011). All functions are differentiable, also where two points coincide.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

_TINY = 1e-12


def from_curve(curve: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The square-root velocity form of a curve.

    Args:
      curve: `[..., T, D]`. The velocity at a moment is the way from the one before (choice: the
        way back is then exact).

    Returns:
      The point `[..., T, D]`, of norm 1 over its last two axes, and the curve's length `[...]`.
    """
    velocity = jnp.diff(curve, axis=-2, prepend=curve[..., :1, :])
    speed = jnp.sqrt(jnp.square(velocity).sum(-1, keepdims=True) + _TINY**2)
    length = speed.sum((-2, -1))
    return velocity / jnp.sqrt(speed * length[..., None, None]), length


def to_curve(point: jax.Array, length: jax.Array) -> jax.Array:
    """The curve `[..., T, D]` from 0 with this form `[..., T, D]` and length `[...]`."""
    speed = jnp.sqrt(jnp.square(point).sum(-1, keepdims=True) + _TINY**2)
    return jnp.cumsum(length[..., None, None] * point * speed, axis=-2)


def log(base: jax.Array, point: jax.Array) -> jax.Array:
    """The tangent vector at `base` `[T, D]` that leads to `point` `[..., T, D]` along the arc."""
    cosine = _inner(base, point)
    aside = point - cosine * base
    sine = jnp.sqrt(_inner(aside, aside) + _TINY)
    return jnp.arctan2(sine, cosine) / sine * aside


def exp(base: jax.Array, tangent: jax.Array) -> jax.Array:
    """The point `[..., T, D]` that a tangent vector at `base` `[T, D]` leads to."""
    angle = jnp.sqrt(_inner(tangent, tangent) + _TINY)
    return jnp.cos(angle) * base + jnp.sin(angle) / angle * tangent


def to_tangent(base: jax.Array, vector: jax.Array) -> jax.Array:
    """What of a vector `[..., T, D]` is tangent to the sphere at `base` `[T, D]`."""
    return vector - _inner(base, vector) * base


def distance(a: jax.Array, b: jax.Array) -> jax.Array:
    """The angle `[...]` between points, in radians."""
    cosine, apart = _inner(a, b), a - _inner(a, b) * b
    return jnp.arctan2(jnp.sqrt(_inner(apart, apart) + _TINY), cosine)[..., 0, 0]


def karcher_mean(points: jax.Array, step: float = 0.9, rounds: int = 100) -> jax.Array:
    """The point `[T, D]` with the least sum of squared distances to points `[N, T, D]`.

    Steps along the mean tangent until that is shorter than 0.01 (Otberdout et al. 2019).
    """

    def unit(vector: jax.Array) -> jax.Array:
        return vector / jnp.sqrt(_inner(vector, vector) + _TINY)

    def towards(state):
        mean, _, number = state
        tangent = log(mean, points).mean(0)
        return exp(mean, step * tangent), jnp.sqrt(_inner(tangent, tangent))[0, 0], number + 1

    def goes_on(state):
        return (state[1] > 0.01) & (state[2] < rounds)

    start = unit(points.mean(0)), jnp.inf, 0
    return jax.lax.while_loop(goes_on, towards, start)[0]


class RunningMean(nn.Module):
    """The Karcher mean of all points seen, in the collection `sphere`.

    It starts at that of the first batch; each later batch moves it along its mean tangent by the
    batch's share of all (choice: a model sees batches, and needs no pass over the data before).

    Attributes:
      shape: (T, D).
    """

    shape: tuple[int, int]

    @nn.compact
    def __call__(self, points: jax.Array | None) -> jax.Array:
        """Moves the mean by points `[B, T, D]`, unless they are None; the mean `[T, D]`."""
        mean = self.variable("sphere", "mean", jnp.zeros, self.shape)
        batches = self.variable("sphere", "batches", jnp.zeros, ())
        if points is not None:
            points = jax.lax.stop_gradient(points)
            share = 1.0 / (batches.value + 1.0)
            mean.value = jax.lax.cond(
                batches.value == 0,
                lambda: karcher_mean(points),
                lambda: exp(mean.value, share * log(mean.value, points).mean(0)),
            )
            batches.value += 1.0
        return mean.value


def _inner(a: jax.Array, b: jax.Array) -> jax.Array:
    return (a * b).sum((-2, -1), keepdims=True)
