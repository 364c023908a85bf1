"""The optimizer of one player, from its config."""

from collections.abc import Mapping
from typing import Any

import jax
import ml_collections
import optax
from optax import contrib


def make_optimizer(
    config: ml_collections.ConfigDict, frozen: Any = None
) -> optax.GradientTransformation:
    """Builds the optimizer called `config.name` with the config's other fields.

    Args:
      config: `name`, "muon" or an optax optimizer, and that function's arguments: Adam 2e-4,
        b1 0.5 in the base config (choice: VGAN's). `learning_rate` is a number or an optax
        schedule in the same form: its `name` and its arguments. Two more
        fields apply to every optimizer: `l2` times the parameters is added to the gradient, and
        `clip_norm` is the largest norm of the gradient over all parameters.
      frozen: tree of the parameters that is True for those that are not updated and get no
        optimizer state; None when all are trained.
    """
    arguments = config.to_dict()
    if isinstance(arguments["learning_rate"], dict):
        arguments["learning_rate"] = make_schedule(arguments["learning_rate"])
    name, l2, clip_norm = (arguments.pop(field, 0.0) for field in ("name", "l2", "clip_norm"))
    optimizer = muon(**arguments) if name == "muon" else getattr(optax, name)(**arguments)
    if l2:
        optimizer = optax.chain(optax.add_decayed_weights(l2), optimizer)
    if clip_norm:
        optimizer = optax.chain(optax.clip_by_global_norm(clip_norm), optimizer)
    if frozen is None:
        return optimizer
    labels = jax.tree.map(lambda stays: "frozen" if stays else "trained", frozen)
    return optax.partition({"trained": optimizer, "frozen": optax.set_to_zero()}, labels)


def make_schedule(config: Mapping[str, Any]) -> optax.Schedule:
    """Builds a schedule of the step from its optax `name` and that function's arguments.

    An argument that is such a section itself, or a list of them (for `join_schedules`), is built
    first.
    """

    def build(argument: Any) -> Any:
        if isinstance(argument, Mapping) and "name" in argument:
            return make_schedule(argument)
        if isinstance(argument, list | tuple):
            return [build(item) for item in argument]
        return argument

    arguments = {name: build(argument) for name, argument in config.items() if name != "name"}
    return getattr(optax, config["name"])(**arguments)


def muon(learning_rate: optax.ScalarOrSchedule, **arguments) -> optax.GradientTransformation:
    """Muon (Jordan et al. 2024): kernels get orthogonalised updates, other parameters Adam's.

    A kernel is taken as one matrix, its last axis against all others. Updates are scaled to Adam's
    usual size (Liu et al. 2025), so that both use one learning rate.
    """
    return contrib.muon(
        learning_rate,
        muon_weight_dimension_numbers=_kernels_as_matrices,
        consistent_rms=0.2,  # choice: Liu et al.'s value
        **arguments,
    )


def _kernels_as_matrices(params):
    def matrix(leaf: jax.Array):
        if leaf.ndim < 2:
            return None
        *others, last = range(leaf.ndim)
        return contrib.MuonDimensionNumbers(tuple(others), last)

    return jax.tree.map(matrix, params)
