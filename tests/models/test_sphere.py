"""The sphere of curves: ways there and back, and means."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models import sphere


def curves(number=5, seed=0):
    steps = jax.random.normal(jax.random.key(seed), (number, 32, 136))
    return jnp.cumsum(steps.at[:, 0].set(0.0), axis=1)


def test_a_curve_comes_back_from_its_form():
    point, length = sphere.from_curve(curves())
    np.testing.assert_allclose(jnp.square(point).sum((1, 2)), 1.0, rtol=1e-5)
    np.testing.assert_allclose(sphere.to_curve(point, length), curves(), atol=2e-4)


def test_the_form_forgets_where_a_curve_starts_and_how_long_it_is():
    point, length = sphere.from_curve(curves())
    moved, longer = sphere.from_curve(3.0 * curves() + 7.0)
    np.testing.assert_allclose(moved, point, atol=1e-6)
    np.testing.assert_allclose(longer, 3.0 * length, rtol=1e-5)


def test_a_still_curve_stays_still():
    point, length = sphere.from_curve(jnp.ones((32, 136)))
    assert np.isfinite(point).all()
    np.testing.assert_allclose(sphere.to_curve(point, length), 0.0, atol=1e-9)


def test_exponential_and_logarithm_are_each_others_inverse():
    base, *points = sphere.from_curve(curves())[0]
    tangent = sphere.log(base, jnp.stack(points))
    np.testing.assert_allclose((tangent * base).sum((1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(sphere.exp(base, tangent), jnp.stack(points), atol=1e-5)
    angles = jnp.sqrt(jnp.square(tangent).sum((1, 2)))
    np.testing.assert_allclose(sphere.distance(base, jnp.stack(points)), angles, rtol=1e-4)


def test_gradients_are_finite_where_points_coincide():
    base = sphere.from_curve(curves(1))[0][0]
    for function in (
        lambda point: sphere.log(base, point).sum(),
        lambda point: sphere.distance(base, point),
        lambda point: sphere.exp(base, point - base).sum(),
    ):
        assert np.isfinite(jax.grad(function)(base)).all()


def test_the_karcher_mean_of_an_arc_is_its_middle():
    base, other = sphere.from_curve(curves(2))[0]
    tangent = sphere.log(base, other)
    points = jnp.stack([sphere.exp(base, t * tangent) for t in (0.0, 0.25, 0.75, 1.0)])
    middle = sphere.exp(base, 0.5 * tangent)
    assert float(sphere.distance(sphere.karcher_mean(points), middle)) < 0.01


def test_the_running_mean_of_batches_nears_the_mean_of_all():
    base = sphere.from_curve(curves(1))[0][0]
    noise = 0.005 * jax.random.normal(jax.random.key(1), (40, 32, 136))
    points = sphere.exp(base, sphere.to_tangent(base, noise))
    module, apart = sphere.RunningMean((32, 136)), []
    variables = module.init(jax.random.key(0), None)
    update = jax.jit(lambda v, p: module.apply(v, p, mutable=["sphere"])[1])
    whole = sphere.karcher_mean(points)
    for batch in points.reshape(10, 4, 32, 136):
        variables = update(variables, batch)
        apart.append(float(sphere.distance(variables["sphere"]["mean"], whole)))
    assert apart[-1] < 0.02 < 0.1 < apart[0]
    assert variables["sphere"]["batches"] == 10
    np.testing.assert_array_equal(module.apply(variables, None), variables["sphere"]["mean"])


def test_a_tangent_vector_has_nothing_of_its_base():
    base, other = sphere.from_curve(curves(2))[0]
    assert float((base * sphere.to_tangent(base, other)).sum()) == pytest.approx(0.0, abs=1e-6)
