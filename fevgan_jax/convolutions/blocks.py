"""Grids and kernels cut into blocks of one stride, for the CPU's forms of 3D convolutions.

The positions inside a block become channels: a strided convolution becomes one of stride 1 over
blocks, whose kernel has one tap per block. Notation as in
`fevgan_jax.convolutions.operations`.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax import lax

Triple = tuple[int, int, int]


def count(size: Triple, strides: Triple) -> Triple:
    """Blocks that a kernel spans along T, H, W."""
    return tuple(-(-k // s) for k, s in zip(size, strides, strict=True))


def small_sides(sides: Triple, size: Triple, strides: Triple, padding: Triple) -> Triple:
    """The small grid's sides T, H, W, for a big one's."""
    return tuple(
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(sides, size, strides, padding, strict=True)
    )


def interleave(blocks: Triple, strides: Triple) -> tuple[int, ...]:
    """`(T blocks, T stride, H blocks, ...)`: the sides of a grid or kernel split into blocks."""
    return tuple(itertools.chain.from_iterable(zip(blocks, strides, strict=True)))


def split_kernel(kernel: jax.Array, strides: Triple) -> jax.Array:
    """`[t, h, w, C_big, C_small]` to `[t blocks, t stride, h blocks, ..., C_big, C_small]`.

    A kernel that ends inside a block is padded with zeros.
    """
    *size, channels, features = kernel.shape
    to_whole_blocks = [(0, -k % s) for k, s in zip(size, strides, strict=True)]
    kernel = zero_pad(kernel, [*to_whole_blocks, (0, 0), (0, 0)])
    return kernel.reshape(*interleave(count(size, strides), strides), channels, features)


def join_kernel(blocks: jax.Array, size: Triple) -> jax.Array:
    """The adjoint of `split_kernel`: `[t blocks, t stride, ...]` to `[*size, C_big, C_small]`."""
    sides = [b * s for b, s in zip(blocks.shape[0:6:2], blocks.shape[1:6:2], strict=True)]
    kernel = blocks.reshape(*sides, *blocks.shape[6:])
    return kernel[: size[0], : size[1], : size[2]]


def pad(big: jax.Array, sides: Triple, size: Triple, strides: Triple, padding: Triple) -> jax.Array:
    """Zero-pads the big grid to the whole blocks that a small grid of `sides` reads.

    The blocks include the convolution's padding. Along each side there is one for each position
    of the small grid, and the kernel's blocks but one.
    """
    edges = [
        (p, (n + b - 1) * s - p - side)
        for side, n, b, s, p in zip(
            big.shape[1:4], sides, count(size, strides), strides, padding, strict=True
        )
    ]
    return zero_pad(big, [(0, 0), *edges, (0, 0)])


def crop(grid: jax.Array, sides: Triple, padding: Triple) -> jax.Array:
    """The adjoint of `pad`: cuts padding off, and writes zeros where no block reached."""
    edges = [(-p, p + n - m) for m, n, p in zip(grid.shape[1:4], sides, padding, strict=True)]
    return zero_pad(grid, [(0, 0), *edges, (0, 0)])


def zero_pad(grid: jax.Array, edges: Sequence[tuple[int, int]]) -> jax.Array:
    """Adds zeros before and after each axis; negative numbers crop it."""
    if not any(itertools.chain.from_iterable(edges)):
        return grid
    return lax.pad(grid, np.zeros((), grid.dtype), [(*edge, 0) for edge in edges])


def parts(length: int, num_bytes: int, most_bytes: int) -> int:
    """The smallest number of equal parts of a side that fit `most_bytes`; else `length`."""
    fitting = (n for n in range(1, length) if length % n == 0 and num_bytes <= n * most_bytes)
    return next(fitting, length)


def repeat(
    num_parts: int, compute: Callable[[jax.Array | int, jax.Array], jax.Array], result: jax.Array
) -> jax.Array:
    """Repeats `result = compute(part, result)`; for a single part without a loop."""
    if num_parts == 1:
        return compute(0, result)
    return lax.fori_loop(0, num_parts, compute, result)


def take(grid: jax.Array, start: jax.Array | int, length: int, axis: int) -> jax.Array:
    """`length` positions of an axis from `start` on; `start` is not negative."""
    if length == grid.shape[axis]:
        return grid
    return lax.dynamic_slice_in_dim(grid, start, length, axis, allow_negative_indices=False)


def put(grid: jax.Array, values: jax.Array, start: jax.Array | int, axis: int) -> jax.Array:
    """The grid with these values written from position `start` of an axis on."""
    if values.shape == grid.shape:
        return values
    return lax.dynamic_update_slice_in_dim(grid, values, start, axis, allow_negative_indices=False)
