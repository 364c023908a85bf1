"""2D and 3D convolutions and transposed convolutions that are fast on every backend.

A convolution with kernel K takes a big grid to a small one; the transposed convolution with the
same K is its adjoint and takes the small grid to the big one. Both, and the gradient with respect
to K, are bilinear in (big, small, K), so three functions serve the forward and backward passes of
both.

Accelerators run XLA's own convolutions (`native.py`). XLA for the CPU runs 3D
transposed convolutions and the gradients of convolutions in naive loops; there the same
results are computed in float32 by forms that XLA does run fast; a picture is treated as a single
frame. Most layers take Winograd's form, with two fifths of the products (`winograd.py`). Where that
does not fit, a convolution and the kernel's gradient are one matrix product per block of the
kernel, and a transposed convolution is a 2D convolution of stride 1 whose channels are the output's
phases (`phases.py`). The deepest layers, whose kernels are larger than their grids, use the kernel
without rearranging it (`windows.py`).

Grids are `[B, (T,) H, W, C]`, kernels `[(t,) h, w, C_big, C_small]`; strides and padding have as
many numbers. Padding is per side, as PyTorch counts it: kernel 4, stride 2, padding 1 halves or
doubles a side exactly.
"""

import functools
import math
from collections.abc import Callable
from types import ModuleType

import jax
import jax.numpy as jnp
from jax import lax

from fevgan_jax.convolutions import blocks, native, phases, windows, winograd

Sides = tuple[int, ...]

LOWERINGS = ("auto", "native", "product")


def is_native(lowering: str = "auto") -> bool:
    """Whether this lowering is XLA's own convolution, on the default backend.

    Raises:
      ValueError: there is no such lowering.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"lowering is {lowering!r}; it must be one of {LOWERINGS}.")
    return lowering == "native" or (lowering == "auto" and jax.default_backend() != "cpu")


def convolve(
    big: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides, lowering: str = "auto"
) -> jax.Array:
    """Convolves (cross-correlates) `big` with `kernel`.

    Args:
      big: `[B, (T,) H, W, C_big]`.
      kernel: `[(t,) h, w, C_big, C_small]`.
      strides: of (T,) H, W.
      padding: zeros on each side of (T,) H, W.
      lowering: "native" is XLA's own convolution, "product" the form that is fast on the CPU,
        "auto" chooses by the default backend when it is traced.

    Returns:
      `[B, (T',) H', W', C_small]`, each side `(n + 2 * padding - kernel) // stride + 1`.
    """
    return _run(_down, big, kernel, strides, padding, lowering)


def convolve_constant(
    values: jax.Array,
    sides: Sides,
    kernel: jax.Array,
    strides: Sides,
    padding: Sides,
    lowering: str = "auto",
) -> jax.Array:
    """Convolves a grid that holds the same values everywhere, such as a tiled label.

    The result is the same vector everywhere but near the borders, so it is computed on the
    smallest grid that has every border, and its inner part is repeated.

    Args:
      values: `[B, C_big]`.
      sides: (T,) H, W of the grid that holds them.
      kernel: `[(t,) h, w, C_big, C_small]`.
      strides: of (T,) H, W.
      padding: zeros on each side of (T,) H, W.
      lowering: as in `convolve`.

    Returns:
      `[B, (T',) H', W', C_small]`, what `convolve` gives for the whole grid.
    """
    inner, repeats, reduced = [], [], []
    for n, k, s, p in zip(sides, kernel.shape[:-2], strides, padding, strict=True):
        before = -(-p // s)  # windows that begin in the padding
        within = (n + p - k) // s + 1 - before  # windows without padding
        inner.append(before if within > 1 else 0)
        repeats.append(max(within, 1))
        reduced.append(n - (repeats[-1] - 1) * s)
    everywhere = jnp.expand_dims(values, range(1, 1 + len(sides)))
    grid = jnp.broadcast_to(everywhere, (values.shape[0], *reduced, values.shape[-1]))
    small = convolve(grid, kernel, strides, padding, lowering)
    for axis, (at, times) in enumerate(zip(inner, repeats, strict=True), start=1):
        before, one, after = jnp.split(small, [at, at + 1], axis=axis)
        many = jnp.broadcast_to(one, [*one.shape[:axis], times, *one.shape[axis + 1 :]])
        small = jnp.concatenate([before, many, after], axis=axis)
    return small


def transposed_convolve(
    small: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides, lowering: str = "auto"
) -> jax.Array:
    """Convolves transposed: the adjoint of `convolve` with the same kernel.

    Args:
      small: `[B, (T,) H, W, C_small]`.
      kernel: `[(t,) h, w, C_big, C_small]`.
      strides: of (T,) H, W.
      padding: rows cut from each side of (T,) H, W.
      lowering: as in `convolve`.

    Returns:
      `[B, (T',) H', W', C_big]`, each side `(n - 1) * stride + kernel - 2 * padding`.
    """
    return _run(_up_to_whole, small, kernel, strides, padding, lowering)


def _run(
    operation: Callable,
    grid: jax.Array,
    kernel: jax.Array,
    strides: Sides,
    padding: Sides,
    lowering: str,
) -> jax.Array:
    """Runs an operation; the CPU's forms take float32 and 3D grids, a picture as one frame."""
    if is_native(lowering):
        return operation(grid, kernel, strides, padding, True)
    dtype = grid.dtype
    # CPUs multiply in float32 at least; for bfloat16 only the result is rounded.
    grid, kernel = (x.astype(jnp.promote_types(dtype, jnp.float32)) for x in (grid, kernel))
    if grid.ndim == 5:
        return operation(grid, kernel, strides, padding, False).astype(dtype)
    grid, kernel = lax.expand_dims(grid, (1,)), lax.expand_dims(kernel, (0,))
    made = operation(grid, kernel, (1, *strides), (0, *padding), False)
    return lax.squeeze(made, (1,)).astype(dtype)


def _form(
    natively: bool, batch: int, sides: Sides, kernel: jax.ShapeDtypeStruct, strides: Sides
) -> ModuleType:
    """The module for a layer with a small grid of these `sides` (choice: bounds as measured)."""
    if natively:
        return native
    positions, features = batch * math.prod(sides), kernel.shape[4]
    if 2 * positions <= features:
        return windows
    if positions > features and winograd.suits(sides, kernel, strides):
        return winograd
    return phases


# Each direction is jitted, so that layers of the same shapes are traced once: the discriminator's
# two passes, and a frozen net's blocks.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _down(
    big: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides, natively: bool
) -> jax.Array:
    sides = blocks.small_sides(big.shape[1:-1], kernel.shape[:-2], strides, padding)
    return _form(natively, big.shape[0], sides, kernel, strides).down(big, kernel, strides, padding)


def _down_forward(big, kernel, strides, padding, natively):
    return _down(big, kernel, strides, padding, natively), (big, kernel)


def _down_backward(strides, padding, natively, saved, small):
    big, kernel = saved
    return (
        _up(small, kernel, strides, padding, natively, big.shape[1:-1]),
        _kernel_gradient(big, small, kernel, strides, padding, natively),
    )


_down.defvjp(_down_forward, _down_backward)


def _up_to_whole(small, kernel, strides, padding, natively) -> jax.Array:
    """From the small grid to the whole of the big grid that it reaches."""
    sides = tuple(
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(small.shape[1:-1], kernel.shape[:-2], strides, padding, strict=True)
    )
    return _up(small, kernel, strides, padding, natively, sides)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _up(
    small: jax.Array,
    kernel: jax.Array,
    strides: Sides,
    padding: Sides,
    natively: bool,
    sides: Sides,
) -> jax.Array:
    form = _form(natively, small.shape[0], small.shape[1:-1], kernel, strides)
    return form.up(small, kernel, strides, padding, sides)


def _up_forward(small, kernel, strides, padding, natively, sides):
    return _up(small, kernel, strides, padding, natively, sides), (small, kernel)


def _up_backward(strides, padding, natively, sides, saved, big):
    del sides
    small, kernel = saved
    return (
        _down(big, kernel, strides, padding, natively),
        _kernel_gradient(big, small, kernel, strides, padding, natively),
    )


_up.defvjp(_up_forward, _up_backward)


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _kernel_gradient(
    big: jax.Array,
    small: jax.Array,
    kernel: jax.Array,
    strides: Sides,
    padding: Sides,
    natively: bool,
) -> jax.Array:
    form = _form(natively, small.shape[0], small.shape[1:-1], kernel, strides)
    return form.kernel_gradient(big, small, kernel.shape[:-2], strides, padding)
