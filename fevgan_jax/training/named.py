"""Checks what a config names: a family, loss terms, optimizers and schedules, frozen nets.

Each check raises UserError with one sentence; the known names are read where they are defined.
"""

import dataclasses
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import ml_collections

from fevgan_jax import models, recognizers
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.names import did_you_mean
from fevgan_jax.training import losses
from fevgan_jax.training.kinds import check_arguments, check_choice, check_kind, check_names
from fevgan_jax.training.optimizers import make_optimizer, make_schedule, optimizers, schedules

PLAYERS = ("generator", "discriminator")
_NORMS = ("l1", "l2")
_OF_EVERY_OPTIMIZER = ("name", "l2", "clip_norm")
"""The fields of an optimizer's section that are no arguments of optax's function."""


def check_family(given: Mapping[str, Any]) -> ModuleType:
    """Checks the model's module, the fields of its networks and of its augmentation."""
    name = given["model"]["name"]
    if not _is_module(name):
        shipped = [f"{models.__name__}.{m.name}" for m in pkgutil.iter_modules(models.__path__)]
        raise UserError(f"config.model.name is {name!r}: {did_you_mean(name, shipped)}")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"config.model.name: {name} cannot be imported ({error}).") from error
    for player in PLAYERS:
        network = getattr(module, player.capitalize(), None)
        if network is not None:
            _check_network(f"config.model.{player}", network, given["model"][player])
        elif player == "generator" or given[f"{player}_loss"]:
            raise UserError(f"config.model.name: {name} has no {player.capitalize()}.")
    if given["augmentation"]:
        if not hasattr(module, "augment"):
            raise UserError(f"config.augmentation: {name} has no `augment`: leave it empty.")
        ours = ("batch", "keys")
        check_arguments("config.augmentation", module.augment, given["augmentation"], ours)
    return module


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a parent package is missing, or the name is empty
        return False


def _check_network(place: str, network: type, given: Mapping[str, Any]) -> None:
    fields = {f.name: f for f in dataclasses.fields(network) if f.name not in ("parent", "name")}
    check_names(place, given, fields)
    for name, field in fields.items():
        if name in given:
            check_kind(f"{place}.{name}", given[name], field.default)
        elif (
            name != "num_classes"  # given by the data set
            and field.default is field.default_factory is dataclasses.MISSING
        ):
            raise UserError(f"{place} has no {name!r}: give it a value.")


def check_losses(
    given: Mapping[str, Any],
    settings: Mapping[str, Any],
    terms: Mapping[str, Mapping[str, Callable[..., Any]]],
) -> None:
    """Checks the terms that the players' weights name, the weights, and the terms' settings.

    Args:
      given: the config.
      settings: its sections `<term>_loss`, by their names.
      terms: the known terms, by player.
    """
    functions = terms["discriminator"] | terms["generator"]
    check_names("config", settings, [f"{term}_loss" for term in functions])
    for section, values in settings.items():
        place = f"config.{section}"
        check_kind(place, values, {})
        function = functions[section.removesuffix("_loss")]
        check_arguments(place, function, values, ("context",))
        if function.__module__ != losses.__name__:
            continue  # a family checks its own settings
        if "norm" in values:
            check_choice(f"{place}.norm", values["norm"], _NORMS)
        if "frames" in values:
            check_kind(f"{place}.frames", values["frames"], (0,))
        if "encoder" in values:
            check_net(f"{place}.encoder", values["encoder"])
    for player in PLAYERS:
        check_names(f"config.{player}_loss", given[f"{player}_loss"], terms[player])
        for term, weight in given[f"{player}_loss"].items():
            _check_amount(f"config.{player}_loss.{term}", weight)
            own = settings.get(f"{term}_loss", {})
            check_arguments(f"config.{term}_loss", terms[player][term], own, ("context",))


def check_optimizer(place: str, given: Mapping[str, Any]) -> None:
    """Checks an optimizer's name, its learning rate and its arguments."""
    check_names(place, ("name", "learning_rate"), given)
    check_choice(f"{place}.name", given["name"], optimizers())
    _check_amount(f"{place}.learning_rate", given["learning_rate"])
    for name in ("l2", "clip_norm"):
        check_kind(f"{place}.{name}", given.get(name, 0.0), 0.0)
    for name in ("learning_rate", "l2", "clip_norm"):
        value = given.get(name, 0.0)
        if not isinstance(value, Mapping) and not value >= 0.0:
            raise UserError(f"{place}.{name} is {value}: give at least 0.")
    function = optimizers()[given["name"]]
    check_names(place, given, (*inspect.signature(function).parameters, *_OF_EVERY_OPTIMIZER))
    arguments = {n: v for n, v in given.items() if n not in _OF_EVERY_OPTIMIZER}
    check_arguments(place, function, arguments)
    try:
        make_optimizer(ml_collections.ConfigDict(given))
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: {given['name']} does not take these: {error}.") from error


def _check_amount(place: str, given: Any) -> None:
    """Checks a number that may be a schedule."""
    if not isinstance(given, Mapping):
        return check_kind(place, given, 0.0)
    check_names(place, ("name",), given)
    check_choice(f"{place}.name", given["name"], schedules())
    arguments = {name: value for name, value in given.items() if name != "name"}
    check_arguments(place, schedules()[given["name"]], arguments)
    for name, value in arguments.items():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Mapping):
                _check_amount(f"{place}.{name}", part)
    try:
        make_schedule(given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{place}: {given['name']} does not take these: {error}.") from error


def check_net(place: str, given: Any) -> None:
    """Checks a frozen net's name and the names of its layers."""
    check_kind(place, given, {})
    check_names(place, ("name", "features"), given)
    check_names(place, given, ("name", "features"))
    check_choice(f"{place}.name", given["name"], recognizers.known())
    check_kind(f"{place}.features", given["features"], "")
    for layer in given["features"].split("+"):
        check_choice(f"{place}.features", layer, recognizers.module(given["name"]).LAYERS)


def check_features(encoders: Iterable[Mapping[str, str]]) -> None:
    """Checks that the layers asked of each net can be joined."""
    for encoder in encoders:
        try:
            recognizers.shapes(encoder["name"], encoder["features"])
        except ValueError as error:
            raise UserError(f"{encoder['name']} cannot be an encoder: {error}") from error
