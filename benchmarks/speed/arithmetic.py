"""A program's arithmetic, counted in what JAX traces of it.

XLA's own count of a compiled program does not see what a library runs, such as cuDNN's
convolutions: of a step's 1,653 GFLOP on an H100 it counts 4.

Convention: a multiply-add of two numbers that are there is two operations. Zeros that padding or
dilation inserts are not there, which is XLA's convention for a convolution, too; what is computed
twice (`jax.checkpoint`) counts twice; the dearest branch of a choice counts. Convolutions and
products alone count: all else of a network is limited by memory.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, jaxprs_in_params
from jax.interpreters import partial_eval


def count(function: Callable, *arguments: Any) -> int:
    """The operations of one call.

    Args:
      function: traceable by JAX.
      *arguments: its arguments, or their shapes.

    Raises:
      ValueError: a loop with convolutions or products has no fixed number of passes.
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    # No compiler runs what no result depends on.
    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return _of_jaxpr(needed)


def _of_jaxpr(jaxpr: Jaxpr) -> int:
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: JaxprEqn) -> int:
    name = equation.primitive.name
    if name == "dot_general":
        return _of_product(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    inside = [_of_jaxpr(jaxpr) for jaxpr in jaxprs_in_params(equation.params)]
    if name == "cond":
        return max(inside)
    if name == "while" and any(inside):
        raise ValueError("the arithmetic of a while loop is not known before it runs.")
    return sum(inside) * (equation.params["length"] if name == "scan" else 1)


def _of_product(equation: JaxprEqn) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    sides = equation.invars[0].aval.shape
    return 2 * equation.outvars[0].aval.size * math.prod(sides[axis] for axis in contracted)


def _of_convolution(equation: JaxprEqn) -> int:
    params = equation.params
    numbers = params["dimension_numbers"]
    given, kernel = (variable.aval.shape for variable in equation.invars)
    made = equation.outvars[0].aval.shape
    # A kernel's input features are those of one group.
    products = made[numbers.out_spec[0]] * made[numbers.out_spec[1]] * kernel[numbers.rhs_spec[1]]
    for axis, (given_axis, kernel_axis, made_axis) in enumerate(
        zip(numbers.lhs_spec[2:], numbers.rhs_spec[2:], numbers.out_spec[2:], strict=True)
    ):
        # Where each tap of the kernel lies for each output, in the dilated input.
        place = (
            np.arange(made[made_axis])[:, None] * params["window_strides"][axis]
            + np.arange(kernel[kernel_axis]) * params["rhs_dilation"][axis]
            - params["padding"][axis][0]
        )
        index, hole = np.divmod(place, params["lhs_dilation"][axis])
        products *= int(((hole == 0) & (index >= 0) & (index < given[given_axis])).sum())
    return 2 * products
