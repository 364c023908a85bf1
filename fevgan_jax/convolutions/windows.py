"""The form for convolutions whose kernel is larger than the grids (im2col), for the CPU.

The deepest layers have few positions and millions of weights; rearranging the weights takes longer
than the products. Here every position's window is copied out instead, and the kernel
`[t, h, w, C_big, C_small]` is used as one matrix, its last axis against the others.

Grids, strides and padding are those of `fevgan_jax.convolutions.operations`.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from fevgan_jax.convolutions import blocks

Triple = tuple[int, int, int]


def down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    """From the big grid to the small."""
    seen = _windows(big, kernel.shape[:3], strides, padding)
    return lax.dot_general(seen, kernel, (((4, 5, 6, 7), (0, 1, 2, 3)), ((), ())))


def up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """From the small grid to the big one of `sides`: windows overlap, and add up."""
    # The kernel is the first factor: XLA would transpose it as the second.
    seen = lax.dot_general(kernel, small, (((4,), (4,)), ((), ()))).transpose(
        4, 5, 6, 7, 0, 1, 2, 3
    )
    big = jax.ShapeDtypeStruct((small.shape[0], *sides, kernel.shape[3]), small.dtype)
    lay_out = functools.partial(_windows, size=kernel.shape[:3], strides=strides, padding=padding)
    (summed,) = jax.linear_transpose(lay_out, big)(seen)
    return summed


def kernel_gradient(
    big: jax.Array, small: jax.Array, size: Triple, strides: Triple, padding: Triple
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`."""
    seen = _windows(big, size, strides, padding)
    return lax.dot_general(seen, small, (((0, 1, 2, 3), (0, 1, 2, 3)), ((), ())))


def _windows(big: jax.Array, size: Triple, strides: Triple, padding: Triple) -> jax.Array:
    """Copies out each position's window: `[B, T', H', W', t, h, w, C]`."""
    seen = blocks.zero_pad(big, [(0, 0), *((p, p) for p in padding), (0, 0)])
    for axis, (k, s) in enumerate(zip(size, strides, strict=True), start=1):
        last = (seen.shape[axis] - k) // s * s + 1
        taps = [lax.slice_in_dim(seen, i, i + last, s, axis) for i in range(k)]
        seen = jnp.stack(taps, axis=-2)
    return seen
