"""2D and 3D convolutions and transposed convolutions that are fast on every backend.

A convolution with kernel K takes a big grid to a small one; the transposed convolution with the
same K is its adjoint and takes the small grid to the big one. Both, and the gradient with respect
to K, are bilinear in (big, small, K), so three functions serve the forward and backward passes of
both.

Accelerators run XLA's own convolutions. XLA for the CPU runs 3D transposed convolutions and the
gradients of convolutions in naive loops; there the same numbers come from forms it does
run fast, a picture's as those of a single frame. Most layers take Winograd's form, with two fifths
of the products (`fevgan_jax.models.winograd`). Where that does not fit, a convolution and the
kernel's gradient are one matrix product per block of the kernel, and a transposed one is a 2D one
of stride 1 whose channels are the output's phases (`fevgan_jax.models.phases`). The deepest layers,
whose kernels outweigh their grids, leave the kernel as it lies (`fevgan_jax.models.windows`).

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

from fevgan_jax.models import blocks, phases, windows, winograd

Triple = tuple[int, int, int]
Sides = tuple[int, ...]

LOWERINGS = ("auto", "native", "product")
_NUMBERS = {4: ("NHWC", "HWIO", "NHWC"), 5: ("NDHWC", "DHWIO", "NDHWC")}


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
    if _is_native(lowering):
        edges = [(p, p) for p in padding]
        return lax.conv_general_dilated(
            big, kernel, strides, edges, dimension_numbers=_NUMBERS[big.ndim]
        )
    return _in_frames(_down, big, kernel, strides, padding)


def convolve_constant(
    values: jax.Array,
    sides: Sides,
    kernel: jax.Array,
    strides: Sides,
    padding: Sides,
    lowering: str = "auto",
) -> jax.Array:
    """Convolves a grid that holds the same values everywhere, such as a tiled label.

    The answer is one vector everywhere but near the borders, so it is computed on the smallest
    grid that has every border, and its inner part is repeated.

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
    if _is_native(lowering):
        *size, _, _ = kernel.shape
        flipped = jnp.swapaxes(jnp.flip(kernel, range(len(size))), -2, -1)
        edges = [(k - 1 - p, k - 1 - p) for k, p in zip(size, padding, strict=True)]
        ones = (1,) * len(size)
        return lax.conv_general_dilated(
            small,
            flipped,
            ones,
            edges,
            lhs_dilation=strides,
            dimension_numbers=_NUMBERS[small.ndim],
        )
    return _in_frames(_up_to_whole, small, kernel, strides, padding)


def _in_frames(
    operation: Callable, grid: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides
) -> jax.Array:
    """Runs a 3D operation, on a picture as a single frame, and in float32 at least.

    A CPU has products of nothing shorter, and rounding what they give is all that bfloat16 asks.
    """
    dtype = grid.dtype
    grid, kernel = (x.astype(jnp.promote_types(dtype, jnp.float32)) for x in (grid, kernel))
    if grid.ndim == 5:
        return operation(grid, kernel, strides, padding).astype(dtype)
    made = operation(grid[:, None], kernel[None], (1, *strides), (0, *padding))
    return made[:, 0].astype(dtype)


def _is_native(lowering: str) -> bool:
    if lowering not in LOWERINGS:
        raise ValueError(f"lowering is {lowering!r}; it must be one of {LOWERINGS}.")
    return lowering == "native" or (lowering == "auto" and jax.default_backend() != "cpu")


def _form(batch: int, sides: Triple, kernel: jax.ShapeDtypeStruct, strides: Triple) -> ModuleType:
    """The module for a layer with a small grid of these `sides` (choice: bounds as measured)."""
    positions, features = batch * math.prod(sides), kernel.shape[4]
    if 2 * positions <= features:
        return windows
    if positions > features and winograd.suits(sides, kernel, strides):
        return winograd
    return phases


# Each direction is jitted, so that layers of the same shapes are traced once for all: the
# discriminator's two passes, and a frozen net's blocks.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
@functools.partial(jax.jit, static_argnums=(2, 3))
def _down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    sides = blocks.small_sides(big.shape[1:4], kernel.shape[:3], strides, padding)
    return _form(big.shape[0], sides, kernel, strides).down(big, kernel, strides, padding)


def _down_forward(big, kernel, strides, padding):
    return _down(big, kernel, strides, padding), (big, kernel)


def _down_backward(strides, padding, saved, small):
    big, kernel = saved
    return (
        _up(small, kernel, strides, padding, big.shape[1:4]),
        _kernel_gradient(big, small, kernel, strides, padding),
    )


_down.defvjp(_down_forward, _down_backward)


def _up_to_whole(small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple):
    """From the small grid to as much of a big one as it reaches."""
    sides = tuple(
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(small.shape[1:4], kernel.shape[:3], strides, padding, strict=True)
    )
    return _up(small, kernel, strides, padding, sides)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    form = _form(small.shape[0], small.shape[1:4], kernel, strides)
    return form.up(small, kernel, strides, padding, sides)


def _up_forward(small, kernel, strides, padding, sides):
    return _up(small, kernel, strides, padding, sides), (small, kernel)


def _up_backward(strides, padding, sides, saved, big):
    del sides
    small, kernel = saved
    return (
        _down(big, kernel, strides, padding),
        _kernel_gradient(big, small, kernel, strides, padding),
    )


_up.defvjp(_up_forward, _up_backward)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _kernel_gradient(
    big: jax.Array, small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple
) -> jax.Array:
    form = _form(small.shape[0], small.shape[1:4], kernel, strides)
    return form.kernel_gradient(big, small, kernel.shape[:3], strides, padding)
