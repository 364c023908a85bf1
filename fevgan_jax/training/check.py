"""A config is checked once, before a command writes anything.

What a field may be is in the tables, in `configs/base.py`, whose values are the examples of their
kinds, and in the signatures of what the fields name, which `named.py` reads.
"""

from collections.abc import Mapping
from typing import Any

import jax
import ml_collections

from fevgan_jax.configs import base
from fevgan_jax.data import clips
from fevgan_jax.evaluation import protocol
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import named
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.kinds import check_choice, check_kind, check_names
from fevgan_jax.training.named import PLAYERS

_OWN_FIELDS = (
    "initial_parts",
    "data.shapes",
    "model.generator",
    "model.discriminator",
    "augmentation",
    "rule",
    *(f"{player}_{section}" for player in PLAYERS for section in ("loss", "optimizer")),
)
"""Sections whose fields are not those of the base config."""
_OPTIONAL = ("model.identity_encoder",)
"""Sections that may be None."""
_EXAMPLES = {"data.frames": (0,), "freeze": ("",)}
"""Values for the base config's empty lists."""

_RANGES: dict[str, tuple[float, float | None]] = {
    "seed": (0, 2**32),  # what grain's shuffle takes
    "batch_size": (1, None),
    "microbatches": (1, None),
    "num_steps": (1, None),
    "ema_decay": (0, 1),
    "data.window": (0, None),
    "rule.critic_steps": (1, None),
    "log_every": (1, None),
    "sample_every": (1, None),
    "checkpoint_every": (1, None),
    "checkpoint_minutes": (0, None),
    "num_samples": (1, None),
    "eval.batch_size": (1, None),
    "eval.max_clips": (0, None),
    "eval.classifier_steps": (0, None),
    "eval.seed": (0, 2**32),
    "data.cache_gib": (0, None),
}
"""The least value of a field, and what it must stay below."""
_DTYPES = ("float32", "bfloat16")
_ORDERS = ("simultaneous", "discriminator_first")


def check_config(config: ml_collections.ConfigDict) -> None:
    """Checks all that can be known without the data set: names, types and ranges of every field.

    Args:
      config: the experiment; it is not changed.

    Raises:
      UserError: the first field that cannot be used, in one sentence.
    """
    given, example = config.to_dict(), base.get_config().to_dict()
    settings = {name: given.pop(name) for name in list(given) if _holds_settings(name)}
    example = {name: value for name, value in example.items() if not _holds_settings(name)}
    _check_section("config", given, example)
    module = named.check_family(given)
    if not hasattr(module, "make_rule"):
        _check_section("config.rule", given["rule"], example["rule"])
        check_choice("config.rule.order", given["rule"]["order"], _ORDERS)
    _check_values(given)
    for player in PLAYERS:
        named.check_optimizer(f"config.{player}_optimizer", given[f"{player}_optimizer"])
    named.check_losses(given, settings, build_family(config).losses)
    named.check_net("config.eval.embedder", given["eval"]["embedder"])
    protocol.asked(config.eval)
    if given["model"]["identity_encoder"] is not None:
        named.check_net("config.model.identity_encoder", given["model"]["identity_encoder"])
    named.check_features(frozen_encoders(config))


def check_clips(config: ml_collections.ConfigDict) -> None:
    """Checks the fields that number frames against the data set's, which `data.shapes` describes.

    Raises:
      UserError: the window is longer than a clip, a loss term takes frames beyond its end, or a
        metric needs longer clips.
    """
    shapes = {name: shape for name, (shape, _) in config.data.shapes.items()}
    if not shapes.keys() & set(clips.TIMED):
        return
    length, window = clips.length(shapes), config.data.window
    if window and not length:
        raise UserError(
            f"config.data.window is {window}, and the examples of {config.data.dataset} are no "
            "clips: leave it at 0."
        )
    if window > length:
        raise UserError(
            f"config.data.window is {window}, and the clips of {config.data.dataset} have {length} "
            "frames: give a window of at most that, or 0 for whole clips."
        )
    length = window or length
    if length and config.eval.dataset in ("", config.data.dataset):
        protocol.check_length(protocol.asked(config.eval), length, config.data.dataset)
    terms = (*config.generator_loss, *config.discriminator_loss)
    asked = {term: config.get(f"{term}_loss", {}).get("frames", ()) for term in terms}
    if any(asked.values()):
        length = _compared_frames(config)
    for term, frames in asked.items():
        if any(isinstance(frame, int) and not -length <= frame < length for frame in frames):
            raise UserError(
                f"config.{term}_loss.frames is {tuple(frames)}, and a generated clip has {length} "
                f"frames: give numbers from 0 to {length - 1}."
            )


def _compared_frames(config: ml_collections.ConfigDict) -> int:
    """How many frames the real videos have that the family compares its own with."""
    family = build_family(config)
    batch = {
        name: jax.ShapeDtypeStruct((1, *shape), dtype)
        for name, (shape, dtype) in config.data.shapes.items()
    }
    return jax.eval_shape(lambda rows: family.real(family.examples(rows)), batch)["video"].shape[1]


def _holds_settings(name: str) -> bool:
    return name.endswith("_loss") and name.removesuffix("_loss") not in PLAYERS


def _check_section(place: str, given: Mapping[str, Any], example: Mapping[str, Any]) -> None:
    """Checks that a section has an example's fields, of their kinds, and no other."""
    check_names(place, given, example)
    for name, usual in example.items():
        field = f"{place}.{name}"
        path = field.removeprefix("config.")
        if name not in given:
            raise UserError(f"{field} is missing: start from `configs/base.py`, which has it.")
        if given[name] is None and path in _OPTIONAL:
            continue
        check_kind(field, given[name], _EXAMPLES.get(path, usual))
        if isinstance(usual, Mapping) and path not in _OWN_FIELDS:
            _check_section(field, given[name], usual)


def _check_values(given: Mapping[str, Any]) -> None:
    for path, (least, below) in _RANGES.items():
        value = _at(given, path)
        if value is not None and not (least <= value and (below is None or value < below)):
            limit = "" if below is None else f" and below {below}"
            raise UserError(f"config.{path} is {value}: give at least {least}{limit}.")
    check_choice("config.compute_dtype", given["compute_dtype"], _DTYPES)
    if given["batch_size"] % given["microbatches"]:
        raise UserError(
            f"config.batch_size is {given['batch_size']}, which does not divide into "
            f"{given['microbatches']} microbatches: change one of the two."
        )
    for field in ("freeze", "initial_parts"):
        for path in given[field]:
            check_choice(
                f"the first name of {path!r} in config.{field}", path.split("/")[0], PLAYERS
            )
    for path, origin in given["initial_parts"].items():
        check_kind(f"config.initial_parts[{path!r}]", origin, "")


def _at(given: Mapping[str, Any], path: str) -> Any:
    """The value at a path, or None in a section whose fields are a family's own."""
    for name in path.split("."):
        given = given.get(name)
    return given
