"""The optimizer of one player, from its config."""

import functools
import inspect
from collections.abc import Callable, Mapping
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
    optimizer = optimizers()[name](**arguments)
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
    return schedules()[config["name"]](**arguments)


@functools.cache
def optimizers() -> dict[str, Callable[..., optax.GradientTransformation]]:
    """The optimizers by name: those of optax that need only a gradient, and "muon"."""
    functions = {n: f for n, f in inspect.getmembers(optax, callable) if n[0].islower()}
    return {
        name: function
        for name, function in functions.items()
        if "learning_rate" in inspect.signature(function).parameters
        if not name.startswith("scale_by_") and name != "lbfgs"  # which needs the loss too
    } | {"muon": muon}


@functools.cache
def schedules() -> dict[str, Callable[..., optax.Schedule]]:
    """The schedules of optax by name."""
    named = inspect.getmembers(optax.schedules, inspect.isfunction)
    return {name: f for name, f in named if not name.startswith("inject_")}


def _kernels_as_matrices(params):
    def matrix(leaf: jax.Array):
        if leaf.ndim < 2:
            return None
        *others, last = range(leaf.ndim)
        return contrib.MuonDimensionNumbers(tuple(others), last)

    return jax.tree.map(matrix, params)


muon = functools.partial(
    contrib.muon,
    muon_weight_dimension_numbers=_kernels_as_matrices,
    consistent_rms=0.2,  # choice: Liu et al.'s value
)
"""Muon (Jordan et al. 2024): each kernel moves by an orthogonal matrix, the rest by Adam.

A kernel is seen as one matrix, its last axis against all others. Updates are scaled to Adam's usual
size (Liu et al. 2025), so that one learning rate serves both.
"""
