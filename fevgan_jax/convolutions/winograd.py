"""Convolutions with fewer products: Winograd's form, for the CPU.

In blocks of one stride a kernel has one, two or three taps along each axis, g. Two neighbouring
outputs of an axis depend on the blocks d; for two taps these are three:

    y0 = d0 g0 + d1 g1        y1 = d1 g0 + d2 g1

Those are four products; with sums taken first, three are enough (Winograd's F(2, 2)):

    m0 = (d0 - d1) g0    m1 = d1 (g0 + g1)    m2 = (d2 - d1) g1    y0 = m0 + m1    y1 = m1 + m2

On three axes that makes 27 matrix products instead of 64, and F(2, 3) on two axes 16 instead of 36.
The convolution, its adjoint and the kernel's gradient are one trilinear form, so each of them saves
the same share. All coefficients are 0, 1, -1 and 1/2: in float32 the results are as accurate as the
other forms'.

Neighbouring outputs along each axis form a tile. The factors of its P products are its points.
Grids, strides and padding are those of `fevgan_jax.convolutions.operations`.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fevgan_jax.convolutions import blocks

Triple = tuple[int, int, int]

_MIN_PRODUCTS = 32
"""Products per value below which the sums cost more than they save (choice: measured)."""
_PART_BYTES = 8 << 20
"""Bytes of the big grid's points at once at most (choice: larger parts are slower)."""

_KERNEL = {
    1: np.array([[1]]),
    2: np.array([[1, 0], [1, 1], [0, 1]]),
    3: np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]),
}
"""By taps along an axis: from the kernel's taps to its points."""
_BIG = {
    1: np.array([[1]]),
    2: np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
    3: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
}
"""By taps along an axis: from the big grid's blocks that a tile reads to their points."""
_SMALL = {
    1: np.array([[1]]),
    2: np.array([[1, 0], [1, 1], [0, 1]]),
    3: np.array([[1, 0], [1, 1], [1, -1], [0, -1]]),
}
"""By taps along an axis: from a tile's outputs to their points."""


def suits(sides: Triple, kernel: jax.ShapeDtypeStruct, strides: Triple) -> bool:
    """Whether the grid divides into whole tiles and this form saves time.

    Args:
      sides: of the small grid.
      kernel: its shape.
      strides: of T, H, W.
    """
    taps = blocks.count(kernel.shape[:3], strides)
    if max(taps) not in (2, 3):
        return False
    channels, features = math.prod(strides) * kernel.shape[3], kernel.shape[4]
    whole = all(n % t == 0 for n, t in zip(sides, _tile(taps), strict=True))
    return whole and channels * features >= _MIN_PRODUCTS * (channels + features)


def down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    """From the big grid to the small."""
    size = kernel.shape[:3]
    taps = blocks.count(size, strides)
    sides = blocks.small_sides(big.shape[1:4], size, strides, padding)
    grid = blocks.pad(big, sides, size, strides, padding)
    weights = _kernel_points(kernel, taps, strides)
    batch, features = big.shape[0], kernel.shape[4]
    axis, length = _part(batch, sides, big.shape[-1], taps, strides)
    part_sides = _replaced(sides, axis, length)

    def fill(part, small):
        seen = _block_slice(grid, axis, part * length, length + taps[axis] - 1, strides[axis])
        products = _multiply(_big_points(seen, taps, strides), weights, 2, 1)
        outputs = _outputs(products, (batch, *part_sides), taps)
        outputs = outputs.reshape(small.shape[0], length, -1)
        return blocks.put(small, outputs, part * length, axis=1)

    before, after = math.prod(sides[:axis]), math.prod(sides[axis + 1 :])
    zero = jnp.zeros((batch * before, sides[axis], after * features), big.dtype)
    small = blocks.repeat(sides[axis] // length, fill, zero)
    return small.reshape(batch, *sides, features)


def up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """From the small grid to the big one of `sides`."""
    taps = blocks.count(kernel.shape[:3], strides)
    weights = _kernel_points(kernel, taps, strides)
    batch, *small_sides, _ = small.shape
    channels = kernel.shape[3]
    axis, length = _part(batch, small_sides, channels, taps, strides)
    uncut, unpadded = sides[:axis], _replaced(padding, axis, 0)

    def add(part, big):
        seen = _block_slice(small, axis, part * length, length)
        products = _multiply(_small_points(seen, taps), weights, 2, 2)
        grid = _from_big_points(products, seen.shape, taps, strides)
        grid = blocks.crop(grid, _replaced(sides, axis, grid.shape[1 + axis]), unpadded)
        grid = grid.reshape(big.shape[0], length + taps[axis] - 1, -1)
        before = blocks.take(big, part * length, grid.shape[1], axis=1)
        return blocks.put(big, before + grid, part * length, axis=1)

    along, after = small_sides[axis], math.prod(sides[axis + 1 :])
    zero = jnp.zeros(
        (batch * math.prod(uncut), along + taps[axis] - 1, strides[axis] * after * channels),
        small.dtype,
    )
    big = blocks.repeat(along // length, add, zero)
    big = big.reshape(batch, *uncut, -1, *sides[axis + 1 :], channels)
    return blocks.crop(big, sides, _replaced((0, 0, 0), axis, padding[axis]))


def kernel_gradient(
    big: jax.Array, small: jax.Array, size: Triple, strides: Triple, padding: Triple
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`."""
    taps, sides = blocks.count(size, strides), small.shape[1:4]
    grid = blocks.pad(big, sides, size, strides, padding)
    axis, length = _part(big.shape[0], sides, big.shape[-1], taps, strides)

    def add(part, gradient):
        seen = _block_slice(grid, axis, part * length, length + taps[axis] - 1, strides[axis])
        outputs = _small_points(_block_slice(small, axis, part * length, length), taps)
        return gradient + _multiply(_big_points(seen, taps, strides), outputs, 1, 1)

    matrix = _matrix(_KERNEL, taps)
    zero = jnp.zeros((len(matrix), math.prod(strides) * big.shape[-1], small.shape[-1]), big.dtype)
    gradient = blocks.repeat(sides[axis] // length, add, zero)
    gradient = jnp.einsum("pb,pcf->bcf", matrix, gradient)
    gradient = gradient.reshape(*taps[::-1], *strides, big.shape[-1], small.shape[-1])
    return blocks.join_kernel(gradient.transpose(2, 3, 1, 4, 0, 5, 6, 7), size)


def _multiply(x: jax.Array, y: jax.Array, x_axis: int, y_axis: int) -> jax.Array:
    """One matrix product for each point, over these axes."""
    return lax.dot_general(x, y, (((x_axis,), (y_axis,)), ((0,), (0,))))


def _matrix(of_axis: dict[int, np.ndarray], taps: Triple) -> np.ndarray:
    """The three axes' matrices as one, W first and T last."""
    matrices = (of_axis[b].astype(np.float32) for b in taps[::-1])
    return functools.reduce(np.kron, matrices)


def _tile(taps: Triple) -> Triple:
    """A tile's sides."""
    return tuple(_SMALL[b].shape[1] for b in taps)


def _kernel_points(kernel: jax.Array, taps: Triple, strides: Triple) -> jax.Array:
    """`[P, strides * C_big, C_small]`."""
    channels, features = kernel.shape[3:]
    kernel = blocks.split_kernel(kernel, strides).transpose(4, 2, 0, 1, 3, 5, 6, 7)
    points = _matrix(_KERNEL, taps) @ kernel.reshape(math.prod(taps), -1)
    return points.reshape(-1, math.prod(strides) * channels, features)


def _small_points(small: jax.Array, taps: Triple) -> jax.Array:
    """`[B, T', H', W', C_small]` to `[P, tiles, C_small]`: the adjoint of `_outputs`."""
    batch, *sides, features = small.shape
    tile = _tile(taps)
    tiles = blocks.count(sides, tile)
    small = small.reshape(batch, *blocks.interleave(tiles, tile), features)
    small = small.transpose(6, 4, 2, 0, 1, 3, 5, 7).reshape(math.prod(tile), -1)
    return (_matrix(_SMALL, taps) @ small).reshape(-1, batch * math.prod(tiles), features)


def _outputs(products: jax.Array, grid: tuple[int, ...], taps: Triple) -> jax.Array:
    """`[P, tiles, C_small]` to the small `grid`'s `[B, T', H', W', C_small]`."""
    tile = _tile(taps)
    small = _matrix(_SMALL, taps).T @ products.reshape(products.shape[0], -1)
    small = small.reshape(*tile[::-1], grid[0], *blocks.count(grid[1:], tile), -1)
    return small.transpose(3, 4, 2, 5, 1, 6, 0, 7).reshape(*grid, -1)


def _big_points(grid: jax.Array, taps: Triple, strides: Triple) -> jax.Array:
    """`[B, T, H, W, C_big]`, in whole blocks, to `[P, tiles, strides * C_big]`."""
    batch, *sides, channels = grid.shape
    tiles, before = [], 1
    for side, b, s in zip(sides, taps, strides, strict=True):
        grid = _axis_points(grid.reshape(batch, before, side // s, -1), b)
        tiles.append(grid.shape[3])
        before = math.prod(grid.shape[1:4]) * s
    grid = grid.reshape(batch, -1, *blocks.interleave(tiles, strides), channels)
    grid = grid.transpose(1, 0, 2, 4, 6, 3, 5, 7, 8)
    return grid.reshape(grid.shape[0], batch * math.prod(tiles), -1)


def _from_big_points(
    products: jax.Array, small: tuple[int, ...], taps: Triple, strides: Triple
) -> jax.Array:
    """The adjoint of `_big_points`, for a `small` grid's shape: tiles overlap, and add up."""
    batch, *sides, _ = small
    tiles = blocks.count(sides, _tile(taps))
    channels = products.shape[-1] // math.prod(strides)
    grid = products.reshape(-1, batch, *tiles, *strides, channels)
    grid = grid.transpose(1, 0, 2, 5, 3, 6, 4, 7, 8)
    after = channels
    for n, b, s in zip(tiles[::-1], taps[::-1], strides[::-1], strict=True):
        grid = _from_axis_points(grid.reshape(batch, len(_BIG[b]), -1, n, s * after), b)
        after = math.prod(grid.shape[2:])
    whole = [(n + b - 1) * s for n, b, s in zip(sides, taps, strides, strict=True)]
    return grid.reshape(batch, *whole, channels)


# The batch stays the leading axis: merged into another one, a sharded batch would be gathered.
def _axis_points(grid: jax.Array, taps: int) -> jax.Array:
    """`[B, L, blocks, R]` to `[B, P, L, tiles, R]`."""
    matrix, step = _BIG[taps], _SMALL[taps].shape[1]
    width = matrix.shape[1]
    last = grid.shape[2] - width
    seen = [lax.slice_in_dim(grid, at, at + last + 1, step, axis=2) for at in range(width)]
    return jnp.stack([_combine(point, seen) for point in matrix], axis=1)


def _from_axis_points(products: jax.Array, taps: int) -> jax.Array:
    """The adjoint of `_axis_points`, written out: the one JAX derives takes twice the memory."""
    matrix, step = _BIG[taps], _SMALL[taps].shape[1]
    width, tiles = matrix.shape[1], products.shape[3]
    points = [lax.slice_in_dim(products, at, at + 1, axis=1) for at in range(len(matrix))]
    beyond = blocks.count((width,), (step,))[0] - 1
    phases = []
    for phase in range(step):
        shifted = [
            blocks.zero_pad(
                _combine(matrix[:, at], points), (*[(0, 0)] * 3, (k, beyond - k), (0, 0))
            )
            for k, at in enumerate(range(phase, width, step))
        ]
        phases.append(functools.reduce(lax.add, shifted))
    grid = jnp.stack(phases, axis=4)
    grid = grid.reshape(grid.shape[0], grid.shape[2], -1, grid.shape[5])
    return lax.slice_in_dim(grid, 0, step * (tiles - 1) + width, axis=2)


def _combine(signs: np.ndarray, terms: list[jax.Array]) -> jax.Array:
    """The sum of some terms: 1 adds, -1 subtracts, 0 leaves out."""
    plus = [term for sign, term in zip(signs, terms, strict=True) if sign > 0]
    minus = [term for sign, term in zip(signs, terms, strict=True) if sign < 0]
    if not plus:
        plus = [-minus.pop()]
    return functools.reduce(lax.sub, minus, functools.reduce(lax.add, plus))


def _part(
    batch: int, sides: Triple, channels: int, taps: Triple, strides: Triple
) -> tuple[int, int]:
    """The first axis with several tiles, and how many outputs along it to compute at once.

    This is the largest number of tiles that divides the axis and fits `_PART_BYTES`.
    """
    tiles = blocks.count(sides, _tile(taps))
    axis = next((axis for axis, n in enumerate(tiles) if n > 1), 0)
    points = math.prod(len(_BIG[b]) for b in taps) * batch * math.prod(tiles)
    size = 4 * points * math.prod(strides) * channels
    return axis, sides[axis] // blocks.parts(tiles[axis], size, _PART_BYTES)


def _block_slice(grid: jax.Array, axis: int, start: int, count: int, stride: int = 1) -> jax.Array:
    """`count` blocks of `stride` positions along an axis of sides, from block `start` on."""
    before, after = grid.shape[: 1 + axis], grid.shape[2 + axis :]
    # As rows of whole blocks: with more axes XLA computes an index for every element of the slice.
    rows = grid.reshape(math.prod(before), -1, stride * math.prod(after))
    seen = blocks.take(rows, start, count, axis=1)
    return seen.reshape(*before, count * stride, *after)


def _replaced(values: Triple, axis: int, value: int) -> Triple:
    return (*values[:axis], value, *values[axis + 1 :])
