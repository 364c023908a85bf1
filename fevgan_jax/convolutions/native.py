"""XLA's own 2D and 3D convolutions, for accelerators.

Each direction is written in the form that XLA's compilers recognise. JAX's default writes the
kernel's gradient of a transposed convolution over a grid dilated with zeros, which doubles the
multiplications of the full model's step (`benchmarks/scale/compiled.py`).

Grids, strides and padding are those of `fevgan_jax.convolutions.operations`.
"""

import functools
from typing import Any

import jax
from jax import lax
from jax.experimental.layout import Layout, with_layout_constraint

Sides = tuple[int, ...]

_NUMBERS = {4: ("NHWC", "HWIO", "NHWC"), 5: ("NDHWC", "DHWIO", "NDHWC")}


def down(big: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides) -> jax.Array:
    """From the big grid to the small."""
    edges = [(p, p) for p in padding]
    return lax.conv_general_dilated(
        big, kernel, strides, edges, dimension_numbers=_NUMBERS[big.ndim]
    )


def up(
    small: jax.Array, kernel: jax.Array, strides: Sides, padding: Sides, sides: Sides
) -> jax.Array:
    """From the small grid to the big one of `sides`."""
    big = jax.ShapeDtypeStruct((small.shape[0], *sides, kernel.shape[-2]), small.dtype)
    convolve = functools.partial(down, kernel=kernel, strides=strides, padding=padding)
    (made,) = jax.linear_transpose(convolve, big)(small)
    return made


def kernel_gradient(
    big: jax.Array, small: jax.Array, size: Sides, strides: Sides, padding: Sides
) -> jax.Array:
    """The kernel's gradient `[*size, C_big, C_small]`."""
    kernel = jax.ShapeDtypeStruct((*size, big.shape[-1], small.shape[-1]), big.dtype)
    convolve = functools.partial(down, big, strides=strides, padding=padding)
    (made,) = jax.linear_transpose(convolve, kernel)(small)
    return made


def laid_out(gradients: Any) -> Any:
    """Gradients in the memory layout of their parameters, for the optimizer.

    cuDNN's filters have another layout. If XLA transposes them within the optimizer's update, the
    update cannot work in place, which costs a copy of each kernel and of its moments.

    Args:
      gradients: a pytree of arrays, summed over all passes: XLA does not move a sum across
        this barrier, and several devices would exchange each pass's gradients apart.
    """

    def row_major(leaf: jax.Array) -> jax.Array:
        return with_layout_constraint(leaf, Layout(tuple(range(leaf.ndim))))

    return lax.optimization_barrier(jax.tree.map(row_major, gradients))
