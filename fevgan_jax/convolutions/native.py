"""XLA's own convolutions, for accelerators: 2D and 3D alike.

Each direction is written as XLA's compilers know it. Left to itself, JAX writes the kernel's
gradient of a transposed convolution as one over a grid that is blown up with zeros, and the full
model's step multiplies twice as much (`benchmarks/scale/compiled.py`).

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
    """Gradients that lie in memory as their parameters do, before an optimizer takes them.

    cuDNN's filters lie otherwise. Turned around within the optimizer's update, as XLA would have
    it, they keep that from working in place, which costs a copy of each kernel and of its moments.

    Args:
      gradients: a pytree of arrays, summed over all passes; XLA would not sum them across this,
        and several devices would exchange each pass's apart.
    """

    def row_major(leaf: jax.Array) -> jax.Array:
        return with_layout_constraint(leaf, Layout(tuple(range(leaf.ndim))))

    return lax.optimization_barrier(jax.tree.map(row_major, gradients))
