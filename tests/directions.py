"""Compares a form's three directions with XLA's own convolution."""

from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.convolutions import operations


def assert_equal_xlas_own(form: ModuleType, case: tuple) -> None:
    """Compares a form on `(batch, big sides, C_big, C_small, kernel, strides, padding)`."""
    batch, sides, channels, features, size, strides, padding = case
    big, kernel = _draw((batch, *sides, channels)), _draw((*size, channels, features))

    def native(big, kernel):
        return operations.convolve(big, kernel, strides, padding, "native")

    small, pull = jax.vjp(native, big, kernel)
    other = _draw(small.shape)
    to_big, to_kernel = pull(other)
    _assert_close(form.down(big, kernel, strides, padding), small)
    _assert_close(form.up(other, kernel, strides, padding, sides), to_big)
    _assert_close(form.kernel_gradient(big, other, size, strides, padding), to_kernel)


def _draw(shape):
    return jnp.asarray(np.random.default_rng(sum(shape)).standard_normal(shape), jnp.float32)


def _assert_close(got, expected):
    assert got.shape == expected.shape
    # float32 sums of a few hundred terms, in another order
    np.testing.assert_allclose(got, expected, atol=2e-6 * float(jnp.abs(expected).max()), rtol=0)
