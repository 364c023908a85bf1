"""Convolutions with two fifths of the products: Winograd's form, for the CPU.

In blocks of one stride a kernel of two strides has two taps along each axis, g. Two neighbouring
outputs of an axis see three blocks, d:

    y0 = d0 g0 + d1 g1        y1 = d1 g0 + d2 g1

Those are four products; three do when sums are taken first (Winograd's F(2, 2)):

    m0 = (d0 - d1) g0    m1 = d1 (g0 + g1)    m2 = (d2 - d1) g1    y0 = m0 + m1    y1 = m1 + m2

On three axes that makes 27 matrix products in place of 64. The convolution, its adjoint and the
kernel's gradient are one trilinear form, so each of them gains as much. All coefficients are 0, 1
and -1: in float32 the answers are as good as the other forms'.

Two neighbouring outputs along each axis are a tile. What its P products are of, is its points.
Grids, strides and padding are those of `fevgan_jax.models.convolutions`.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fevgan_jax.models import blocks

Triple = tuple[int, int, int]

_THIN = 32
"""Channels of the big grid below which its points cost more than they save (choice: measured)."""
_PART_BYTES = 64 << 20
"""Most that the big grid's points may take at once (choice: larger parts are hardly faster)."""
_TAPS = {1: np.ones((1, 1), np.float32), 2: np.array([[1, 0], [1, 1], [0, 1]], np.float32)}
"""From a kernel's taps along an axis to its points."""


def suits(sides: Triple, kernel: jax.ShapeDtypeStruct, strides: Triple) -> bool:
    """Whether this form has whole tiles, something to save, and digits to take sums in.

    Args:
      sides: of the small grid.
      kernel: its shape and dtype.
      strides: of T, H, W.
    """
    taps = blocks.count(kernel.shape[:3], strides)
    return (
        max(taps) == 2
        and all(n % b == 0 for n, b in zip(sides, taps, strict=True))
        and kernel.shape[3] >= _THIN
        and kernel.dtype == jnp.float32
    )


def down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    """From the big grid to the small."""
    size = kernel.shape[:3]
    taps = blocks.count(size, strides)
    sides = tuple(
        (n + 2 * p - k) // s + 1
        for n, p, k, s in zip(big.shape[1:4], padding, size, strides, strict=True)
    )
    grid = blocks.pad(big, sides, size, strides, padding)
    weights = _kernel_points(kernel, taps, strides)
    batch, features = big.shape[0], kernel.shape[4]
    length = _part_length(batch, sides, big.shape[-1], taps, strides)

    def fill(part, small):
        start = part * length
        seen = _points(_frames(grid, start, length, taps, strides), taps, strides)
        products = _multiply(seen, weights, 2, 1)
        outputs = _outputs(products, (batch, length, *sides[1:]), taps)
        return lax.dynamic_update_slice_in_dim(small, outputs, start, axis=1)

    zero = jnp.zeros((batch, *sides, features), big.dtype)
    return lax.fori_loop(0, sides[0] // length, fill, zero)


def up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """From the small grid to the big one of `sides`."""
    taps = blocks.count(kernel.shape[:3], strides)
    weights = _kernel_points(kernel, taps, strides)
    batch, frames, channels = small.shape[0], small.shape[1], kernel.shape[3]
    length = _part_length(batch, small.shape[1:4], channels, taps, strides)
    height_and_width = (0, *padding[1:])

    def add(part, big):
        start = part * length
        seen = lax.dynamic_slice_in_dim(small, start, length, axis=1)
        products = _multiply(_output_points(seen, taps), weights, 2, 2)
        grid = _from_points(products, seen.shape, taps, strides)
        grid = blocks.crop(grid, (grid.shape[1], *sides[1:]), height_and_width)
        grid = grid.reshape(batch, length + taps[0] - 1, -1)
        before = lax.dynamic_slice_in_dim(big, start, grid.shape[1], axis=1)
        return lax.dynamic_update_slice_in_dim(big, before + grid, start, axis=1)

    zero = jnp.zeros(
        (batch, frames + taps[0] - 1, strides[0] * math.prod(sides[1:]) * channels), small.dtype
    )
    big = lax.fori_loop(0, frames // length, add, zero)
    return blocks.crop(big.reshape(batch, -1, *sides[1:], channels), sides, (padding[0], 0, 0))


def kernel_gradient(
    big: jax.Array, small: jax.Array, size: Triple, strides: Triple, padding: Triple
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`."""
    taps, sides = blocks.count(size, strides), small.shape[1:4]
    grid = blocks.pad(big, sides, size, strides, padding)
    length = _part_length(big.shape[0], sides, big.shape[-1], taps, strides)

    def add(part, gradient):
        start = part * length
        seen = _points(_frames(grid, start, length, taps, strides), taps, strides)
        outputs = _output_points(lax.dynamic_slice_in_dim(small, start, length, axis=1), taps)
        return gradient + _multiply(seen, outputs, 1, 1)

    points = math.prod(2 * b - 1 for b in taps)
    zero = jnp.zeros((points, math.prod(strides) * big.shape[-1], small.shape[-1]), big.dtype)
    gradient = lax.fori_loop(0, sides[0] // length, add, zero)
    gradient = jnp.einsum("pb,pcf->bcf", _matrix(taps), gradient)
    gradient = gradient.reshape(*taps[::-1], *strides, big.shape[-1], small.shape[-1])
    return blocks.join_kernel(gradient.transpose(2, 3, 1, 4, 0, 5, 6, 7), size)


def _multiply(x: jax.Array, y: jax.Array, x_axis: int, y_axis: int) -> jax.Array:
    """One matrix product for each point, over these axes."""
    return lax.dot_general(x, y, (((x_axis,), (y_axis,)), ((0,), (0,))))


def _matrix(taps: Triple) -> np.ndarray:
    """`[P, blocks of the kernel]`: from its taps to its points, W first and T last."""
    return functools.reduce(np.kron, (_TAPS[b] for b in taps[::-1]))


def _kernel_points(kernel: jax.Array, taps: Triple, strides: Triple) -> jax.Array:
    """`[P, strides * C_big, C_small]`."""
    channels, features = kernel.shape[3:]
    kernel = blocks.split_kernel(kernel, strides).transpose(4, 2, 0, 1, 3, 5, 6, 7)
    points = _matrix(taps) @ kernel.reshape(math.prod(taps), -1)
    return points.reshape(-1, math.prod(strides) * channels, features)


def _output_points(small: jax.Array, taps: Triple) -> jax.Array:
    """`[B, T', H', W', C_small]` to `[P, tiles, C_small]`: the adjoint of `_outputs`."""
    batch, *sides, features = small.shape
    tiles = [n // b for n, b in zip(sides, taps, strict=True)]
    small = small.reshape(batch, *blocks.interleave(tiles, taps), features)
    small = small.transpose(6, 4, 2, 0, 1, 3, 5, 7).reshape(math.prod(taps), -1)
    return (_matrix(taps) @ small).reshape(-1, batch * math.prod(tiles), features)


def _outputs(products: jax.Array, grid: tuple[int, ...], taps: Triple) -> jax.Array:
    """`[P, tiles, C_small]` to the small `grid`'s `[B, T', H', W', C_small]`."""
    tiles = [n // b for n, b in zip(grid[1:], taps, strict=True)]
    small = _matrix(taps).T @ products.reshape(products.shape[0], -1)
    small = small.reshape(*taps[::-1], grid[0], *tiles, -1).transpose(3, 4, 2, 5, 1, 6, 0, 7)
    return small.reshape(*grid, -1)


def _points(grid: jax.Array, taps: Triple, strides: Triple) -> jax.Array:
    """`[B, T, H, W, C_big]`, in whole blocks, to `[P, tiles, strides * C_big]`."""
    batch, *sides, channels = grid.shape
    tiles, before = [], batch
    for side, b, s in zip(sides, taps, strides, strict=True):
        grid = _axis_points(grid.reshape(before, side // s, -1), b)
        tiles.append(grid.shape[2])
        before = math.prod(grid.shape[:3]) * s
    grid = grid.reshape(-1, batch, *blocks.interleave(tiles, strides), channels)
    grid = grid.transpose(0, 1, 2, 4, 6, 3, 5, 7, 8)
    return grid.reshape(grid.shape[0], batch * math.prod(tiles), -1)


def _from_points(
    products: jax.Array, small: tuple[int, ...], taps: Triple, strides: Triple
) -> jax.Array:
    """The adjoint of `_points`, for a `small` grid's shape: tiles overlap, and add up."""
    batch, *sides, _ = small
    tiles = [n // b for n, b in zip(sides, taps, strict=True)]
    channels = products.shape[-1] // math.prod(strides)
    grid = products.reshape(-1, batch, *tiles, *strides, channels)
    grid = grid.transpose(0, 1, 2, 5, 3, 6, 4, 7, 8)
    after = channels
    for n, b, s in zip(tiles[::-1], taps[::-1], strides[::-1], strict=True):
        grid = _from_axis_points(grid.reshape(2 * b - 1, -1, n, s * after), b)
        after = math.prod(grid.shape[1:])
    whole = [(n + b - 1) * s for n, b, s in zip(sides, taps, strides, strict=True)]
    return grid.reshape(batch, *whole, channels)


def _axis_points(grid: jax.Array, taps: int) -> jax.Array:
    """`[L, blocks, R]` to `[2 * taps - 1, L, tiles, R]`."""
    if taps == 1:
        return grid[None]
    d0, d1, d2 = grid[:, :-1:2], grid[:, 1::2], grid[:, 2::2]
    return jnp.stack([d0 - d1, d1, d2 - d1])


def _from_axis_points(products: jax.Array, taps: int) -> jax.Array:
    """The adjoint of `_axis_points`, written out: XLA's own takes twice the memory."""
    if taps == 1:
        return products[0]
    m0, m1, m2 = products
    d0 = jnp.pad(m0, ((0, 0), (0, 1), (0, 0))) + jnp.pad(m2, ((0, 0), (1, 0), (0, 0)))
    d1 = jnp.pad(m1 - m0 - m2, ((0, 0), (0, 1), (0, 0)))
    pairs = jnp.stack([d0, d1], axis=2)
    return pairs.reshape(pairs.shape[0], -1, pairs.shape[3])[:, :-1]


def _part_length(batch: int, sides: Triple, channels: int, taps: Triple, strides: Triple) -> int:
    """Outputs along T to make at once: as many tiles as divide them and fit `_PART_BYTES`."""
    tiles = math.prod(sides) // math.prod(taps)
    points = math.prod(2 * b - 1 for b in taps) * batch * tiles * math.prod(strides) * channels
    along = sides[0] // taps[0]
    fitting = (n for n in range(1, along + 1) if along % n == 0 and 4 * points <= n * _PART_BYTES)
    return sides[0] // next(fitting, along)


def _frames(grid: jax.Array, start: int, length: int, taps: Triple, strides: Triple) -> jax.Array:
    """The frames that `length` outputs along T see from output `start` on."""
    batch, frames, *picture = grid.shape
    # As rows of whole blocks, for XLA computes an index of every element of a slice with more axes.
    rows = grid.reshape(batch, frames // strides[0], -1)
    seen = lax.dynamic_slice_in_dim(rows, start, length + taps[0] - 1, axis=1)
    return seen.reshape(batch, -1, *picture)
