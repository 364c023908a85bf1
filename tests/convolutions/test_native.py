"""XLA's own convolutions, in the form that the accelerators' compilers recognise."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fevgan_jax.convolutions import native
from fevgan_jax.convolutions.operations import convolve, transposed_convolve
from tests import programs

CASES = [
    # small sides, C_big, C_small, kernel, strides, padding
    ((2, 4, 4), 3, 5, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    ((1, 4, 3), 3, 5, (2, 1, 1), (1, 1, 1), (0, 0, 0)),
    ((4, 3), 5, 4, (4, 4), (2, 2), (1, 1)),
    ((5, 6), 4, 3, (3, 5), (1, 3), (1, 0)),
]
"""Kernels with which a transposed convolution reaches the whole of its big grid."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_directions_are_those_that_jax_derives(case):
    small_sides, channels, features, size, strides, padding = case
    big_sides = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(small_sides, strides, size, padding, strict=True)
    )
    random = np.random.default_rng(0)
    big, small, kernel = (
        jnp.asarray(random.standard_normal(shape), jnp.float32)
        for shape in (
            (2, *big_sides, channels),
            (2, *small_sides, features),
            (*size, channels, features),
        )
    )

    def derived(big, kernel):
        spatial = "DHW"[-len(size) :]
        numbers = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
        edges = [(p, p) for p in padding]
        return lax.conv_general_dilated(big, kernel, strides, edges, dimension_numbers=numbers)

    expected, pull = jax.vjp(derived, big, kernel)
    to_big, to_kernel = pull(small)
    settings = strides, padding
    for got, wanted in (
        (native.down(big, kernel, *settings), expected),
        (native.up(small, kernel, *settings, big_sides), to_big),
        (native.kernel_gradient(big, small, size, *settings), to_kernel),
    ):
        np.testing.assert_allclose(got, wanted, atol=1e-6 * float(jnp.abs(wanted).max()))


@pytest.mark.parametrize("operation", [convolve, transposed_convolve])
def test_no_direction_has_windows_over_zeros(operation):
    """A window is a kernel's, or slides over a grid that is not dilated with zeros."""
    given, wanted = ((1, 8, 16, 16, 3), (1, 4, 8, 8, 5))
    if operation is transposed_convolve:
        given, wanted = wanted, given
    kernel = jnp.zeros((4, 4, 4, 3, 5))
    run = functools.partial(operation, strides=(2, 2, 2), padding=(1, 1, 1), lowering="native")

    def directions(grid, kernel, cotangent):
        value, pull = jax.vjp(run, grid, kernel)
        return value, pull(cotangent)

    program = jax.make_jaxpr(directions)(jnp.zeros(given), kernel, jnp.zeros(wanted))
    convolutions = [
        equation
        for equation in programs.equations(program.jaxpr)
        if equation.primitive.name == "conv_general_dilated"
    ]
    assert len(convolutions) == 3
    for equation in convolutions:
        windows = equation.invars[1].aval.shape
        sides = [windows[axis] for axis in equation.params["dimension_numbers"].rhs_spec[2:]]
        if math.prod(equation.params["lhs_dilation"]) > 1:
            assert sides == [4, 4, 4]
