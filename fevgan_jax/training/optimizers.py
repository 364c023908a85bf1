"""The optimizer of one player, from its config."""

import jax
import ml_collections
import optax
from optax import contrib


def make_optimizer(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
    """Builds the optimizer called `config.name` with the config's other fields.

    Args:
      config: `name`, "muon" or an optax optimizer, and that function's arguments: Adam 2e-4,
        b1 0.5 in the base config (choice: VGAN's). `learning_rate` is a number, or an optax
        schedule in the same form: its `name` and its arguments.
    """
    arguments = config.to_dict()
    rate = arguments["learning_rate"]
    if isinstance(rate, dict):
        arguments["learning_rate"] = getattr(optax, rate.pop("name"))(**rate)
    name = arguments.pop("name")
    return muon(**arguments) if name == "muon" else getattr(optax, name)(**arguments)


def muon(learning_rate: optax.ScalarOrSchedule, **arguments) -> optax.GradientTransformation:
    """Muon (Jordan et al. 2024): each kernel moves by an orthogonal matrix, the rest by Adam.

    A kernel is seen as one matrix, its last axis against all others. Updates are scaled to Adam's
    usual size (Liu et al. 2025), so that one learning rate serves both.
    """
    return contrib.muon(
        learning_rate,
        muon_weight_dimension_numbers=_kernels_as_matrices,
        consistent_rms=0.2,  # choice: that of Liu et al.
        **arguments,
    )


def _kernels_as_matrices(params):
    def matrix(leaf: jax.Array):
        if leaf.ndim < 2:
            return None
        *others, last = range(leaf.ndim)
        return contrib.MuonDimensionNumbers(tuple(others), last)

    return jax.tree.map(matrix, params)
