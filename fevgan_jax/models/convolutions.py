"""3D convolutions and transposed convolutions that are fast on every backend.

A convolution with kernel K takes a big grid to a small one; the transposed convolution with the
same K is its adjoint and takes the small grid to the big one. Both, and the gradient with respect
to K, are bilinear in (big, small, K), so three functions serve the forward and backward passes of
both.

Accelerators run XLA's own convolutions. XLA for the CPU runs 3D transposed convolutions and the
gradients of convolutions in naive loops; there the same numbers come from forms it does
run fast: a convolution as a strided 2D one over windows of frames, a transposed one as a 2D one of
stride 1 whose channels are the output's phases, and the kernel's gradient as matrix products. The
deepest layers take the forms of `fevgan_jax.models.windows`.

Grids are `[B, T, H, W, C]`, kernels `[t, h, w, C_big, C_small]`. Padding is per side, as PyTorch
counts it: kernel 4, stride 2, padding 1 halves or doubles a side exactly.
"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from fevgan_jax.models import windows

Triple = tuple[int, int, int]

LOWERINGS = ("auto", "native", "product")
_NUMBERS_3D = ("NDHWC", "DHWIO", "NDHWC")
_NUMBERS_2D = ("NHWC", "HWIO", "NHWC")


def convolve(
    big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, lowering: str = "auto"
) -> jax.Array:
    """Convolves (cross-correlates) `big` with `kernel`.

    Args:
      big: `[B, T, H, W, C_big]`.
      kernel: `[t, h, w, C_big, C_small]`.
      strides: of T, H, W.
      padding: zeros on each side of T, H, W.
      lowering: "native" is XLA's own convolution, "product" the form that is fast on the CPU,
        "auto" chooses by the default backend when it is traced.

    Returns:
      `[B, T', H', W', C_small]`, each side `(n + 2 * padding - kernel) // stride + 1`.
    """
    if _is_native(lowering):
        return _native_down(big, kernel, strides, padding)
    return _down(big, kernel, strides, padding)


def convolve_constant(
    values: jax.Array,
    sides: Triple,
    kernel: jax.Array,
    strides: Triple,
    padding: Triple,
    lowering: str = "auto",
) -> jax.Array:
    """Convolves a grid that holds the same values everywhere, such as a tiled label.

    The answer is one vector everywhere but near the borders, so it is computed on the smallest
    grid that has every border, and its inner part is repeated.

    Args:
      values: `[B, C_big]`.
      sides: T, H, W of the grid that holds them.
      kernel: `[t, h, w, C_big, C_small]`.
      strides: of T, H, W.
      padding: zeros on each side of T, H, W.
      lowering: as in `convolve`.

    Returns:
      `[B, T', H', W', C_small]`, what `convolve` gives for the whole grid.
    """
    inner, repeats, reduced = [], [], []
    for n, k, s, p in zip(sides, kernel.shape[:3], strides, padding, strict=True):
        before = -(-p // s)  # windows that begin in the padding
        within = (n + p - k) // s + 1 - before  # windows without padding
        inner.append(before if within > 1 else 0)
        repeats.append(max(within, 1))
        reduced.append(n - (repeats[-1] - 1) * s)
    grid = jnp.broadcast_to(
        values[:, None, None, None], (values.shape[0], *reduced, values.shape[-1])
    )
    small = convolve(grid, kernel, strides, padding, lowering)
    for axis, (at, times) in enumerate(zip(inner, repeats, strict=True), start=1):
        before, one, after = jnp.split(small, [at, at + 1], axis=axis)
        many = jnp.broadcast_to(one, [*one.shape[:axis], times, *one.shape[axis + 1 :]])
        small = jnp.concatenate([before, many, after], axis=axis)
    return small


def transposed_convolve(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, lowering: str = "auto"
) -> jax.Array:
    """Convolves transposed: the adjoint of `convolve` with the same kernel.

    Args:
      small: `[B, T, H, W, C_small]`.
      kernel: `[t, h, w, C_big, C_small]`.
      strides: of T, H, W.
      padding: rows cut from each side of T, H, W.
      lowering: as in `convolve`.

    Returns:
      `[B, T', H', W', C_big]`, each side `(n - 1) * stride + kernel - 2 * padding`.
    """
    if _is_native(lowering):
        flipped = jnp.swapaxes(kernel[::-1, ::-1, ::-1], 3, 4)
        edges = [(k - 1 - p, k - 1 - p) for k, p in zip(kernel.shape[:3], padding, strict=True)]
        return lax.conv_general_dilated(
            small, flipped, (1, 1, 1), edges, lhs_dilation=strides, dimension_numbers=_NUMBERS_3D
        )
    sides = tuple(
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(small.shape[1:4], kernel.shape[:3], strides, padding, strict=True)
    )
    return _up(small, kernel, strides, padding, sides)


def _is_native(lowering: str) -> bool:
    if lowering not in LOWERINGS:
        raise ValueError(f"lowering is {lowering!r}; it must be one of {LOWERINGS}.")
    return lowering == "native" or (lowering == "auto" and jax.default_backend() != "cpu")


def _is_deep(batch: int, sides: Triple, features: int) -> bool:
    """Whether a kernel has more weights than the windows it is used on have values."""
    return batch * math.prod(sides) <= features


def _native_down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    edges = [(p, p) for p in padding]
    return lax.conv_general_dilated(big, kernel, strides, edges, dimension_numbers=_NUMBERS_3D)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _down(big: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple) -> jax.Array:
    """From the big grid to the small: a 2D convolution over windows of frames."""
    sides = tuple(
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(big.shape[1:4], kernel.shape[:3], strides, padding, strict=True)
    )
    if _is_deep(big.shape[0], sides, kernel.shape[4]):
        return windows.down(big, kernel, strides, padding)
    steps, rows, columns, channels, features = kernel.shape
    big = jnp.pad(big, ((0, 0), (padding[0],) * 2, (0, 0), (0, 0), (0, 0)))
    batch, _, height, width, _ = big.shape
    taps = [
        lax.slice_in_dim(big, i, i + (sides[0] - 1) * strides[0] + 1, strides[0], axis=1)
        for i in range(steps)
    ]
    frames = jnp.concatenate(taps, axis=-1).reshape(-1, height, width, steps * channels)
    small = lax.conv_general_dilated(
        frames,
        kernel.transpose(1, 2, 0, 3, 4).reshape(rows, columns, steps * channels, features),
        strides[1:],
        [(p, p) for p in padding[1:]],
        dimension_numbers=_NUMBERS_2D,
    )
    return small.reshape(batch, sides[0], *small.shape[1:])


def _down_forward(big, kernel, strides, padding):
    return _down(big, kernel, strides, padding), (big, kernel)


def _down_backward(strides, padding, saved, small):
    big, kernel = saved
    return (
        _up(small, kernel, strides, padding, big.shape[1:4]),
        _kernel_gradient(big, small, kernel.shape[:3], strides, padding),
    )


_down.defvjp(_down_forward, _down_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _up(
    small: jax.Array, kernel: jax.Array, strides: Triple, padding: Triple, sides: Triple
) -> jax.Array:
    """From the small grid to the big one of `sides`: a convolution of stride 1.

    With the kernel cut into blocks of one stride, each block of the output is a sum of a few
    neighbours of the input, and the positions inside the block are channels.
    """
    if _is_deep(small.shape[0], small.shape[1:4], small.shape[4]):
        return windows.up(small, kernel, strides, padding, sides)
    blocks = _blocks(kernel.shape[:3], strides)
    channels, features = kernel.shape[3:]
    kernel = jnp.pad(
        kernel,
        [(0, b * s - k) for b, s, k in zip(blocks, strides, kernel.shape[:3], strict=True)]
        + [(0, 0), (0, 0)],
    )
    phases = kernel.reshape(*_interleave(blocks, strides), channels, features)
    phases = phases[::-1, :, ::-1, :, ::-1].transpose(2, 4, 0, 7, 1, 3, 5, 6)
    phases = phases.reshape(blocks[1], blocks[2], blocks[0] * features, -1)

    batch, length, height, width, _ = small.shape
    small = jnp.pad(small, ((0, 0), (blocks[0] - 1,) * 2, (0, 0), (0, 0), (0, 0)))
    length += blocks[0] - 1
    neighbours = [small[:, i : i + length] for i in range(blocks[0])]
    big = lax.conv_general_dilated(
        jnp.concatenate(neighbours, axis=-1).reshape(-1, height, width, blocks[0] * features),
        phases,
        (1, 1),
        [(b - 1, b - 1) for b in blocks[1:]],
        dimension_numbers=_NUMBERS_2D,
    )
    big = _depth_to_space(big.reshape(batch, length, *big.shape[1:]), strides)
    # Cut the padding off; rows that the stride left over in the big grid are zeros.
    ends = [
        (-p, p + side - n, 0) for n, p, side in zip(big.shape[1:4], padding, sides, strict=True)
    ]
    return lax.pad(big, jnp.zeros((), big.dtype), [(0, 0, 0), *ends, (0, 0, 0)])


def _up_forward(small, kernel, strides, padding, sides):
    return _up(small, kernel, strides, padding, sides), (small, kernel)


def _up_backward(strides, padding, sides, saved, big):
    del sides
    small, kernel = saved
    return (
        _down(big, kernel, strides, padding),
        _kernel_gradient(big, small, kernel.shape[:3], strides, padding),
    )


_up.defvjp(_up_forward, _up_backward)


def _kernel_gradient(
    big: jax.Array, small: jax.Array, size: Triple, strides: Triple, padding: Triple
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`: one matrix product per block of it.

    Both grids are brought to one size, a clip's positions in a row: a neighbour is then a shift,
    which is copied in one piece (XLA for the CPU copies windows of a grid element by element).
    The zeros around the small grid keep the ends of a shift out of the product. Clips stay apart,
    so a batch that is sharded needs no exchange but the gradient's sum.
    """
    if _is_deep(small.shape[0], small.shape[1:4], small.shape[4]):
        return windows.kernel_gradient(big, small, size, strides, padding)
    (batch, *sides, features), channels = small.shape, big.shape[-1]
    blocks = _blocks(size, strides)
    grid = [n + b - 1 for n, b in zip(sides, blocks, strict=True)]
    edges = [
        (p, n * s - p - side, 0)
        for side, n, s, p in zip(big.shape[1:4], grid, strides, padding, strict=True)
    ]
    big = lax.pad(big, jnp.zeros((), big.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    big = _space_to_depth(big, strides)
    big = big.reshape(batch, math.prod(grid), -1)
    small = jnp.pad(small, [(0, 0), *((0, b - 1) for b in blocks), (0, 0)])
    shifts = [(i * grid[1] + j) * grid[2] + k for i, j, k in itertools.product(*map(range, blocks))]
    small = small.reshape(batch, -1, features)
    small = jnp.pad(small, [(0, 0), (shifts[-1], 0), (0, 0)])

    # Where both sides are wide a few shifts share a product: the gain outweighs their copies.
    together = math.gcd(4, len(shifts)) if big.shape[-1] >= 512 and features >= 128 else 1

    def product(group):
        neighbours = [
            lax.dynamic_slice_in_dim(small, shifts[-1] - shift, big.shape[1], axis=1)
            for shift in group
        ]
        return lax.dot_general(
            big, jnp.concatenate(neighbours, axis=-1), (((0, 1), (0, 1)), ((), ()))
        )

    gradient = lax.map(product, jnp.array(shifts).reshape(-1, together))
    gradient = gradient.reshape(-1, *strides, channels, together, features)
    gradient = jnp.moveaxis(gradient, 5, 1).reshape(*blocks, *strides, channels, features)
    gradient = gradient.transpose(0, 3, 1, 4, 2, 5, 6, 7)
    whole = [b * s for b, s in zip(blocks, strides, strict=True)]
    gradient = gradient.reshape(*whole, channels, features)
    return gradient[: size[0], : size[1], : size[2]]


def _blocks(size: Triple, strides: Triple) -> Triple:
    return tuple(-(-k // s) for k, s in zip(size, strides, strict=True))


def _interleave(blocks: Triple, strides: Triple) -> tuple[int, ...]:
    return tuple(itertools.chain.from_iterable(zip(blocks, strides, strict=True)))


def _space_to_depth(grid: jax.Array, strides: Triple) -> jax.Array:
    batch, *sides, channels = grid.shape
    blocks = tuple(n // s for n, s in zip(sides, strides, strict=True))
    grid = grid.reshape(batch, *_interleave(blocks, strides), channels)
    return grid.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(batch, *blocks, -1)


def _depth_to_space(grid: jax.Array, strides: Triple) -> jax.Array:
    batch, *blocks, depth = grid.shape
    channels = depth // math.prod(strides)
    grid = grid.reshape(batch, *blocks, *strides, channels).transpose(0, 1, 4, 2, 5, 3, 6, 7)
    sides = [b * s for b, s in zip(blocks, strides, strict=True)]
    return grid.reshape(batch, *sides, channels)
