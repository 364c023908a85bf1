"""The form for 3D convolutions whose grids are larger than their kernels, for the CPU.

Notation as in `fevgan_jax.convolutions.operations`.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from fevgan_jax.convolutions import blocks

Triple = tuple[int, int, int]

_NUMBERS_2D = ("NHWC", "HWIO", "NHWC")
_FEW_CHANNELS = 16
"""Channels below which a matrix product is too narrow to be split (choice: measured)."""
_PART_BYTES = 2 << 20
"""Bytes of frames processed at once at most, so that they stay cached (choice: measured)."""


def down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    """From the big grid to the small: one product per block of the kernel, and their sum.

    An input of few channels makes the products too narrow; it takes a 2D convolution.
    """
    if kernel.shape[3] < _FEW_CHANNELS:
        return _down_by_frames(big, kernel, strides, padding)
    size = kernel.shape[:3]
    sides = blocks.small_sides(big.shape[1:4], size, strides, padding)
    taps = blocks.count(size, strides)
    kernel = blocks.split_kernel(kernel, strides).transpose(0, 2, 4, 1, 3, 5, 6, 7)
    kernel = kernel.reshape(math.prod(taps), -1, kernel.shape[-1])
    grid = _space_to_depth(blocks.pad(big, sides, size, strides, padding), strides)

    def add(small, block):
        shift, weights = block
        return small + _shifted(grid, shift, sides) @ weights, None

    zero = jnp.zeros((big.shape[0] * math.prod(sides), kernel.shape[-1]), big.dtype)
    small, _ = lax.scan(add, zero, (_shifts(taps), kernel))
    return small.reshape(big.shape[0], *sides, -1)


def _down_by_frames(
    big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple
) -> jax.Array:
    """The same as a strided 2D convolution over windows of frames, a few of them at a time."""
    steps, rows, columns, channels, features = kernel.shape
    sides = blocks.small_sides(big.shape[1:4], kernel.shape[:3], strides, padding)
    kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(rows, columns, steps * channels, features)
    big = blocks.zero_pad(big, ((0, 0), (padding[0],) * 2, *[(0, 0)] * 3))
    batch, _, height, width, _ = big.shape
    seen_bytes = batch * sides[0] * height * width * steps * channels * big.dtype.itemsize
    length = sides[0] // blocks.parts(sides[0], seen_bytes, _PART_BYTES)
    span = (length - 1) * strides[0] + 1

    def fill(part, small):
        first = part * length * strides[0]
        seen = blocks.take(big, first, span + steps - 1, axis=1)
        taps = [lax.slice_in_dim(seen, i, i + span, strides[0], axis=1) for i in range(steps)]
        outputs = lax.conv_general_dilated(
            jnp.concatenate(taps, axis=-1).reshape(-1, height, width, steps * channels),
            kernel,
            strides[1:],
            [(p, p) for p in padding[1:]],
            dimension_numbers=_NUMBERS_2D,
        )
        outputs = outputs.reshape(batch, length, -1)
        return blocks.put(small, outputs, part * length, axis=1)

    zero = jnp.zeros((batch, sides[0], math.prod(sides[1:]) * features), big.dtype)
    small = blocks.repeat(sides[0] // length, fill, zero)
    return small.reshape(batch, *sides, features)


def up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """From the small grid to the big one of `sides`: convolutions of stride 1.

    Frames of one phase need the same few taps of the kernel: where the output has many
    channels, each phase in time is a convolution of its own. An output of few channels is computed
    in one convolution, with the phases as channels.
    """
    step, pad, frames = strides[0], padding[0], sides[0]
    if kernel.shape[3] < _FEW_CHANNELS:
        return _up(small, kernel, strides, padding, sides)
    phases = [
        _up(
            small,
            kernel[(phase + pad) % step :: step],
            (1, *strides[1:]),
            ((phase + pad) // step, *padding[1:]),
            (-(-frames // step), *sides[1:]),
        )
        for phase in range(step)
    ]
    big = jnp.stack(phases, axis=2)
    return big.reshape(small.shape[0], -1, *big.shape[3:])[:, :frames]


def _up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """The same as a single convolution.

    With the kernel cut into blocks of one stride, each block of the output is a sum of a few
    neighbours of the input, and the positions inside the block are channels. Blocks that the
    padding cuts off are not computed.
    """
    taps, features = blocks.count(kernel.shape[:3], strides), kernel.shape[4]
    phases = blocks.split_kernel(kernel, strides)
    phases = phases[::-1, :, ::-1, :, ::-1].transpose(2, 4, 0, 7, 1, 3, 5, 6)
    phases = phases.reshape(taps[1], taps[2], taps[0] * features, -1)

    edges = [
        (b - 1 - p // s, (side - 1 + p) // s - (n - 1))
        for n, b, s, p, side in zip(small.shape[1:4], taps, strides, padding, sides, strict=True)
    ]
    small = blocks.zero_pad(small, ((0, 0), edges[0], *[(0, 0)] * 3))
    batch, length, height, width, _ = small.shape
    length -= taps[0] - 1
    neighbours = [small[:, i : i + length] for i in range(taps[0])]
    big = lax.conv_general_dilated(
        jnp.concatenate(neighbours, axis=-1).reshape(-1, height, width, taps[0] * features),
        phases,
        (1, 1),
        edges[1:],
        dimension_numbers=_NUMBERS_2D,
    )
    big = _depth_to_space(big.reshape(batch, length, *big.shape[1:]), strides)
    starts = [p % s for p, s in zip(padding, strides, strict=True)]
    t, h, w = (slice(start, start + side) for start, side in zip(starts, sides, strict=True))
    return big[:, t, h, w]


def kernel_gradient(
    big: jax.Array, small: jax.Array, size: Triple, strides: Triple, padding: Triple
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`: one matrix product per block of it.

    A few frames are processed at a time. The batch is the leading axis of both factors, so a
    sharded batch needs no communication but the gradient's sum.
    """
    sides, channels, features = small.shape[1:4], big.shape[-1], small.shape[-1]
    taps = blocks.count(size, strides)
    grid = blocks.pad(big, sides, size, strides, padding)
    grid_bytes = grid.size * grid.dtype.itemsize
    length = sides[0] // blocks.parts(sides[0], grid_bytes, _PART_BYTES)

    def add(part, gradient):
        first, frames = part * length * strides[0], (length + taps[0] - 1) * strides[0]
        seen = blocks.take(grid, first, frames, axis=1)
        seen = _space_to_depth(seen, strides)
        outputs = blocks.take(small, part * length, length, axis=1)
        outputs = outputs.reshape(-1, features)
        products = [
            _shifted(seen, shift, (length, *sides[1:])).T @ outputs
            for shift in itertools.product(*map(range, taps))
        ]
        return gradient + jnp.stack(products)

    zero = jnp.zeros((math.prod(taps), math.prod(strides) * channels, features), big.dtype)
    gradient = blocks.repeat(sides[0] // length, add, zero)
    gradient = gradient.reshape(*taps, *strides, channels, features)
    return blocks.join_kernel(gradient.transpose(0, 3, 1, 4, 2, 5, 6, 7), size)


def _shifts(taps: Triple) -> jax.Array:
    return jnp.array(list(itertools.product(*map(range, taps))))


def _shifted(grid: jax.Array, shift: jax.Array, sides: Triple) -> jax.Array:
    """The part of a grid `[B, T, H, W, C]` of these sides from `shift` on, `[B*T'*H'*W', C]`."""
    batch, channels = grid.shape[0], grid.shape[-1]
    part = lax.dynamic_slice(
        grid, (0, *shift, 0), (batch, *sides, channels), allow_negative_indices=False
    )
    return part.reshape(-1, channels)


def _space_to_depth(grid: jax.Array, strides: Triple) -> jax.Array:
    batch, *sides, channels = grid.shape
    parts = tuple(n // s for n, s in zip(sides, strides, strict=True))
    grid = grid.reshape(batch, *blocks.interleave(parts, strides), channels)
    return grid.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(batch, *parts, -1)


def _depth_to_space(grid: jax.Array, strides: Triple) -> jax.Array:
    batch, *parts, depth = grid.shape
    channels = depth // math.prod(strides)
    grid = grid.reshape(batch, *parts, *strides, channels).transpose(0, 1, 4, 2, 5, 3, 6, 7)
    sides = [n * s for n, s in zip(parts, strides, strict=True)]
    return grid.reshape(batch, *sides, channels)
