"""Convolutions: the CPU's form equals XLA's own, forward and both gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.convolutions import operations

CASES = [
    # batch, (T, H, W), channels in, channels out, kernel, strides, padding
    (1, (4, 8, 8), 3, 5, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (2, (2, 4, 4), 9, 7, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (2, (2, 4, 4), 6, 1, (2, 4, 4), (1, 1, 1), (0, 0, 0)),
    (2, (6, 5, 5), 3, 4, (3, 1, 1), (2, 1, 1), (1, 0, 0)),
    (1, (4, 8, 6), 3, 4, (1, 4, 4), (1, 2, 2), (0, 1, 1)),
    (1, (5, 6, 7), 2, 3, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
    (2, (7, 9, 8), 2, 3, (3, 5, 4), (2, 3, 2), (1, 2, 0)),
    (2, (2, 4, 4), 11, 5, (2, 1, 1), (1, 1, 1), (0, 0, 0)),
    # wide enough for each phase in time, and each block of the kernel, to be processed apart
    (1, (5, 9, 8), 17, 19, (5, 4, 4), (3, 2, 2), (2, 1, 1)),
    (1, (2, 4, 4), 64, 128, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (1, (2, 2, 2), 128, 64, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (1, (3, 3, 3), 512, 128, (3, 3, 1), (1, 1, 1), (1, 1, 0)),
    # as wide as Winograd's form needs
    (1, (8, 8, 8), 32, 40, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (1, (8, 16, 8), 40, 32, (1, 4, 4), (1, 2, 2), (0, 1, 1)),
    # pictures
    (2, (12, 10), 3, 4, (5, 4), (2, 2), (2, 1)),
    (1, (12, 10), 64, 72, (3, 3), (1, 1), (1, 1)),
]

FORMS = pytest.mark.parametrize(
    ("side", "channels", "features"),
    [(8, 16, 8), (8, 32, 32), (2, 16, 64)],
    ids=["phases", "winograd", "windows"],
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolve_equals_native_with_both_gradients(case):
    batch, sides, channels, features, size, strides, padding = case
    grid, kernel = _draw((batch, *sides, channels)), _draw((*size, channels, features))
    _assert_same(operations.convolve, grid, kernel, strides, padding)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_transposed_convolve_equals_native_with_both_gradients(case):
    batch, sides, channels, features, size, strides, padding = case
    grid, kernel = _draw((batch, *sides, channels)), _draw((*size, features, channels))
    _assert_same(operations.transposed_convolve, grid, kernel, strides, padding)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_constant_grid_equals_the_whole_grid(case):
    batch, sides, channels, features, size, strides, padding = case
    values, kernel = _draw((batch, channels)), _draw((*size, channels, features))
    grid = jnp.broadcast_to(
        values.reshape(batch, *(1 for _ in sides), channels), (batch, *sides, channels)
    )
    np.testing.assert_allclose(
        operations.convolve_constant(values, sides, kernel, strides, padding),
        operations.convolve(grid, kernel, strides, padding, "native"),
        rtol=1e-4,
        atol=1e-4,
    )


@FORMS
def test_bfloat16_is_rounded_once(side, channels, features):
    grid = _draw((1, side, side, side, channels)).astype(jnp.bfloat16)
    kernel = _draw((4, 4, 4, channels, features)).astype(jnp.bfloat16)
    settings = ((2, 2, 2), (1, 1, 1))
    got = operations.convolve(grid, kernel, *settings)
    assert got.dtype == jnp.bfloat16
    exact = operations.convolve(
        grid.astype(jnp.float32), kernel.astype(jnp.float32), *settings, "native"
    )
    # Half a unit in the last of its eight bits, for the one rounding at the end.
    np.testing.assert_allclose(got.astype(jnp.float32), exact, rtol=2**-8, atol=1e-4)


@FORMS
def test_double_precision_is_kept(side, channels, features):
    with jax.enable_x64(True):
        random = np.random.default_rng(0)
        grid = jnp.asarray(random.standard_normal((1, side, side, side, channels)))
        kernel = jnp.asarray(random.standard_normal((4, 4, 4, channels, features)))
        product, native = (
            operations.convolve(grid, kernel, (2, 2, 2), (1, 1, 1), lowering)
            for lowering in ("product", "native")
        )
        np.testing.assert_allclose(product, native, atol=1e-11)


def test_transposed_is_the_adjoint():
    grid, kernel = _draw((1, 8, 8, 8, 3)), _draw((4, 4, 4, 3, 2))
    settings = ((2, 2, 2), (1, 1, 1))
    small = operations.convolve(grid, kernel, *settings)
    other = _draw(small.shape, seed=1)
    back = operations.transposed_convolve(other, kernel, *settings)
    assert back.shape == grid.shape
    np.testing.assert_allclose(jnp.vdot(small, other), jnp.vdot(grid, back), rtol=1e-4)


@pytest.mark.parametrize(
    ("operation", "grid", "features"),
    [
        (operations.convolve, (8, 4, 4, 4, 3), (3, 3)),
        (operations.convolve, (8, 4, 4, 4, 3), (3, 64)),
        (operations.transposed_convolve, (8, 4, 4, 4, 3), (3, 3)),
        (operations.transposed_convolve, (8, 1, 2, 2, 32), (3, 32)),
        (operations.convolve, (8, 8, 8, 8, 32), (32, 40)),
        (operations.transposed_convolve, (8, 4, 4, 4, 40), (32, 40)),
    ],
    ids=["down", "deep down", "up", "deep up", "Winograd's down", "Winograd's up"],
)
def test_a_sharded_batch_is_never_gathered(operation, grid, features):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    grid = jax.device_put(_draw(grid), rows)
    kernel = jax.device_put(_draw((4, 4, 4, *features)), whole)

    def gradients(grid, kernel):
        value, pull = jax.vjp(lambda *both: operation(*both, (2, 2, 2), (1, 1, 1)), grid, kernel)
        return pull(value)

    compiled = jax.jit(gradients, out_shardings=(rows, whole)).lower(grid, kernel).compile()
    assert "all-reduce" in compiled.as_text()
    assert "all-gather" not in compiled.as_text()
    assert "all-to-all" not in compiled.as_text()


def test_unknown_lowering_is_refused():
    with pytest.raises(ValueError, match="quick"):
        operations.convolve(
            _draw((1, 2, 2, 2, 1)), _draw((1, 1, 1, 1, 1)), (1, 1, 1), (0, 0, 0), "quick"
        )


def _draw(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def _assert_same(operation, grid, kernel, strides, padding):
    """Compares values and pulled-back gradients of the two lowerings."""

    @functools.partial(jax.jit, static_argnums=0)
    def run(lowering, grid, kernel):
        value, pull = jax.vjp(
            lambda grid, kernel: operation(grid, kernel, strides, padding, lowering), grid, kernel
        )
        return value, *pull(_draw(value.shape, seed=1))

    for native, product in zip(
        run("native", grid, kernel), run("product", grid, kernel), strict=True
    ):
        assert native.shape == product.shape
        # float32 sums of a few hundred terms, in another order
        scale = float(jnp.abs(native).max())
        np.testing.assert_allclose(product, native, atol=1e-5 * scale)
