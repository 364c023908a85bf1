"""benchmarks/speed/arithmetic.py: against counts by hand and XLA's own on a CPU."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from benchmarks.speed import arithmetic
from fevgan_jax.convolutions import operations
from fevgan_jax.training.step import make_train_step
from tests import experiments


def _zeros(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _convolve(**options):
    options = {"window_strides": (1,), "padding": [(0, 0)]} | options
    return lambda x, kernel: lax.conv_general_dilated(
        x, kernel, dimension_numbers=("NWC", "WIO", "NWC"), **options
    )


def test_products():
    assert arithmetic.count(jnp.matmul, _zeros(3, 5), _zeros(5, 7)) == 2 * 3 * 5 * 7
    batched = arithmetic.count(jnp.matmul, _zeros(2, 3, 5), _zeros(2, 5, 7))
    assert batched == 2 * 2 * 3 * 5 * 7
    outer = arithmetic.count(lambda x, y: jnp.einsum("i,j->ij", x, y), _zeros(3), _zeros(4))
    assert outer in (0, 2 * 12)  # a product, or no product at all to JAX


@pytest.mark.parametrize(
    ("options", "features", "pairs"),
    [
        # 10 numbers, a kernel of 3: pairs of an output and a tap that meets a number.
        ({}, (4, 6), 8 * 3),
        ({"padding": [(1, 1)]}, (4, 6), 10 * 3 - 2),
        ({"window_strides": (2,)}, (4, 6), 4 * 3),
        ({"rhs_dilation": (2,)}, (4, 6), 6 * 3),
        # Each of the 10 meets each of the 3 taps once.
        ({"lhs_dilation": (2,), "padding": [(2, 2)]}, (4, 6), 10 * 3),
        ({"feature_group_count": 2}, (2, 6), 8 * 3),
    ],
    ids=["plain", "padded", "strided", "dilated", "transposed", "grouped"],
)
def test_convolutions(options, features, pairs):
    convolve, x, kernel = _convolve(**options), _zeros(5, 10, 4), _zeros(3, *features)
    found = arithmetic.count(convolve, x, kernel)
    assert found == 2 * 5 * features[0] * features[1] * pairs
    assert found == jax.jit(convolve).lower(x, kernel).cost_analysis()["flops"]


def test_the_gradients_of_a_convolution_take_as_much_as_itself():
    convolve = _convolve(window_strides=(2,), padding=[(1, 1)])
    x, kernel = _zeros(5, 10, 4), _zeros(4, 4, 6)
    once = arithmetic.count(convolve, x, kernel)

    def loss(x, kernel):
        return jnp.sum(jnp.square(convolve(x, kernel)))

    assert arithmetic.count(jax.grad(loss, (0, 1)), x, kernel) == 3 * once
    assert arithmetic.count(jax.grad(loss, 1), x, kernel) == 2 * once


def _in_a_scan(product, x, y):
    return lax.scan(lambda carry, _: (product(carry, y), None), x, length=5)


def _in_a_choice(product, x, y):
    return lax.cond(x[0, 0] > 0, lambda: product(product(x, y), y), lambda: product(x, y))


def _in_a_checkpoint(product, x, y):
    """The value's two products, the first again for its sine's slope, and two to go back to x."""

    def loss(x):
        return product(jnp.sin(product(x, y)), y).sum()

    return jax.value_and_grad(jax.checkpoint(loss))(x)


@jax.custom_vjp
def _with_a_gradient_of_its_own(x, y):
    return x @ y


_with_a_gradient_of_its_own.defvjp(
    lambda x, y: (x @ y, (x, y)), lambda kept, pulled: (pulled @ kept[1].T, kept[0].T @ pulled)
)


@pytest.mark.parametrize(
    ("function", "times"),
    [
        (lambda product, x, y: jax.jit(product)(x, y), 1),
        (_in_a_scan, 5),
        (_in_a_choice, 2),
        (lambda product, x, y: jax.vmap(product)(x[None], y[None]), 1),
        (lambda product, x, y: _with_a_gradient_of_its_own(x, y), 1),
        (lambda product, x, y: jax.grad(lambda *a: product(*a).sum(), (0, 1))(x, y), 2),
        (
            lambda product, x, y: jax.grad(
                lambda *a: jnp.square(_with_a_gradient_of_its_own(*a)).sum(), (0, 1)
            )(x, y),
            3,
        ),
        (_in_a_checkpoint, 2 + 1 + 2),
        (lambda product, x, y: (x, product(x, y))[0], 0),
    ],
    ids=["jit", "scan", "cond", "vmap", "custom_vjp", "grad", "its_grad", "checkpoint", "dead"],
)
def test_products_inside(function, times):
    x = _zeros(4, 4)
    assert arithmetic.count(lambda x, y: function(jnp.matmul, x, y), x, x) == times * 2 * 4**3


def test_a_loop_without_a_fixed_number_of_passes_is_refused():
    def function(x):
        return lax.while_loop(lambda x: x.sum() > 0, lambda x: x @ x, x)

    with pytest.raises(ValueError, match="while loop"):
        arithmetic.count(function, _zeros(4, 4))


def test_a_steps_arithmetic_is_xlas_but_for_what_is_neither_product_nor_convolution(monkeypatch):
    monkeypatch.setattr(operations, "is_native", lambda lowering="auto": True)
    config = experiments.without_frozen_nets()
    family, state = experiments.start(config)
    step, batch = make_train_step(config, family), experiments.random_batch(4)
    by_xla = jax.jit(step).lower(state, {}, batch).cost_analysis()["flops"]
    counted = arithmetic.count(step, state, {}, batch)
    assert 0.5 * by_xla < counted < by_xla
