"""Reads traced programs."""

import jax.extend


def equations(jaxpr):
    """All equations of a program, nested programs included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from equations(inner)


def multiplied(jaxpr, kinds=("dot_general", "conv_general_dilated")):
    """Names of the dtypes of the factors in its products."""
    products = (e for e in equations(jaxpr) if e.primitive.name in kinds)
    return {factor.aval.dtype.name for product in products for factor in product.invars}
