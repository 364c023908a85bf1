"""Compositing: points move along the way, and sampling has exact gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models import compositing


def opening(side=64, height=10):
    """Fields of one mode whose end is a mouth of so many pixels, painted white between black lips.

    The upper lip stays, and the lower one and the chin go down.
    """
    rows = np.arange(side) + 0.5
    up = -np.clip(rows - side / 2, 0, height) / side
    flow = np.zeros((1, side, side, 1, 2), np.float32)
    flow[..., 0, 1] = up[:, None]
    between = (rows > side / 2) & (rows < side / 2 + height)
    mask, colour = np.zeros((1, side, side, 2)), np.ones((1, side, side, 2, 3))
    mask[..., 0] = np.where(between, 20.0, -20.0)[:, None]
    return compositing.Fields(flow, *(np.float32(x) for x in (mask, 9 * colour, 0 * colour)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 1.0])
def test_on_the_way_lips_part_little_by_little(share):
    side, height = 64, 10
    amplitudes, end = jnp.full((1, 1, 1), share), jnp.ones((1, 1))
    frames = compositing.on_the_way(opening(side, height), amplitudes, end)
    painted = np.asarray(frames.paint)[0, 0, :, 32, 0]
    assert painted.sum() == pytest.approx(share * height, abs=1.0)
    assert painted[: side // 2 - 1].max() < 0.01, "the upper lip"
    # The lower lip: all of it is moved, and none is stretched.
    lip = np.asarray(frames.flow)[0, 0, side // 2 + round(share * height) + 1 :, 32, 1]
    np.testing.assert_allclose(lip, -share * height / side, atol=1e-3)


def test_a_way_starts_at_the_photo_and_ends_at_the_fields():
    fields = opening()
    amplitudes = jnp.array([0.0, 1.0]).reshape(1, 2, 1)
    frames = compositing.on_the_way(fields, amplitudes, jnp.ones((1, 1)))
    assert not frames.flow[0, 0].any()
    np.testing.assert_array_equal(frames.flow[0, 1], fields.flow[0, ..., 0, :])


def test_a_point_is_found_where_it_goes():
    random = np.random.default_rng(0)
    coarse = random.normal(0, 0.03, (2, 3, 6, 5, 2))
    left = jax.image.resize(jnp.asarray(coarse, jnp.float32), (2, 3, 48, 40, 2), "cubic")
    there = compositing.carried(left)
    back = jax.vmap(compositing.warp, 1, 1)(left, there[:, :, None])[:, :, 0]
    inside = np.s_[:, :, 6:-6, 6:-6]  # beyond an edge, the edge is repeated
    np.testing.assert_allclose(there[inside], -back[inside], atol=2e-4)
    assert np.abs(there[inside]).max() > 0.05


def test_the_gradient_of_carried_is_that_of_its_finite_differences():
    coarse = jax.random.normal(jax.random.key(0), (1, 1, 4, 4, 2))
    left = 0.02 * jax.image.resize(coarse, (1, 1, 16, 16, 2), "cubic")
    direction = 0.02 * jax.image.resize(coarse[:, :, ::-1], left.shape, "cubic")

    def total(left):
        return jnp.square(compositing.carried(left)).sum()

    step = 1e-2
    slope = (total(left + step * direction) - total(left - step * direction)) / (2 * step)
    exact = (jax.grad(total)(left) * direction).sum()
    np.testing.assert_allclose(slope, exact, rtol=0.03)


def test_warp_looks_where_the_flow_points():
    photo = jnp.arange(5 * 4, dtype=jnp.float32).reshape(1, 5, 4, 1)
    right_and_up = jnp.broadcast_to(jnp.array([1 / 4, -2 / 5]), (1, 1, 5, 4, 2))
    moved = np.asarray(compositing.warp(photo, right_and_up))[0, 0, :, :, 0]
    rows = np.clip(np.arange(5) - 2, 0, 4)
    np.testing.assert_allclose(moved, 4 * rows[:, None] + [1, 2, 3, 3], atol=1e-5)


def test_the_gradient_of_warp_is_that_of_its_finite_differences():
    photo = jax.random.normal(jax.random.key(0), (1, 6, 7, 2))
    flow = 0.2 * jax.random.normal(jax.random.key(1), (1, 2, 6, 7, 2))

    def total(flow):
        return jnp.square(compositing.warp(photo, flow)).sum()

    direction = jax.random.normal(jax.random.key(2), flow.shape)
    step = 1e-4
    slope = (total(flow + step * direction) - total(flow - step * direction)) / (2 * step)
    exact = (jax.grad(total)(flow) * direction).sum()
    np.testing.assert_allclose(slope, exact, rtol=0.02)
