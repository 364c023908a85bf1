"""The configuration a workdir keeps: written when a run starts, obeyed by all that follow."""

import fnmatch
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections

from fevgan_jax.run.files import write_atomic
from fevgan_jax.run.versions import VERSION, upgrade
from fevgan_jax.runtime.errors import UserError

_RATES = ("generator_optimizer.learning_rate", "discriminator_optimizer.learning_rate")
_WEIGHTS = ("generator_loss.*", "discriminator_loss.*")
_BEGINNING = ("initial_weights", "initial_parts")
"""Fields that are read before the first step alone."""

MAY_CHANGE = (
    *_RATES,
    *_WEIGHTS,
    "initial_weights",
    "initial_parts.*",
    "num_steps",
    "remat",
    "log_every",
    "sample_every",
    "checkpoint_every",
    "checkpoint_minutes",
    "num_samples",
    "data.data_dir",
    "data.on_device",
    "data.cache_gib",
    "eval.*",
)
"""Fields that may change when a run is resumed: not the model, the kind of its optimizers or what
an earlier step computed."""
_OF_THE_SET = ("data.version", "data.fingerprint")
"""Fields that are empty in runs of earlier versions, which did not record their data set's."""


def find_changes(
    config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> list[dict[str, Any]]:
    """Compares a config with the one that a workdir keeps; writes nothing.

    Args:
      config: the experiment.
      workdir: the run's folder; it need not exist.

    Returns:
      `field`, `from` and `to` of every field that differs and may.

    Raises:
      UserError: the workdir belongs to another experiment.
    """
    if not (pathlib.Path(workdir) / "config.json").exists():
        return []
    there, here = (dict(_fields(plain(c))) for c in (read_config(workdir), config))
    if not _has_shapes(there):  # a run of version 1 did not note what its data set is made of
        here = {name: value for name, value in here.items() if not _has_shapes([name])}
    changes = [
        {"field": name, "from": there.get(name), "to": here.get(name)}
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    ]
    if refused := [change for change in changes if not _is_allowed(change)]:
        named = "; ".join(
            f"{change['field']} is {change['from']!r} there and {change['to']!r} here"
            for change in refused[:3]
        )
        raise UserError(
            f"{workdir} holds another experiment ({named}): choose another folder, or give the "
            "config it was started with."
        )
    return changes


def keep_config(
    config: ml_collections.ConfigDict,
    workdir: str | os.PathLike,
    changes: Sequence[dict[str, Any]] = (),
    step: int = 0,
) -> None:
    """Makes the workdir this experiment's: writes `config.json`, and what changed.

    `changes.jsonl` has a line for each change of a resumed run: `step`, `field`, `from` and `to`.

    Args:
      config: the experiment.
      workdir: the run's folder, made when it is missing.
      changes: from `find_changes`.
      step: the step that the run goes on after; later than 0, the config keeps saying what the run
        began with.
    """
    folder, kept = pathlib.Path(workdir), plain(config)
    if step:
        began = plain(read_config(workdir))
        kept |= {name: began[name] for name in _BEGINNING}
        changes = [change for change in changes if change["field"].split(".")[0] not in _BEGINNING]
    if changes:
        log = folder / "changes.jsonl"
        lines = [log.read_text(encoding="utf-8")] if log.exists() else []
        lines += [json.dumps({"step": step} | change) + "\n" for change in changes]
        write_atomic(log, "".join(lines).encode())
    write_atomic(folder / "config.json", to_json(ml_collections.ConfigDict(kept)))


def read_config(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
    """Reads the config of a workdir; one of an earlier version comes with the fields of this one.

    Raises:
      UserError: there is none, it is not whole or not a run's, or it is of a later version.
    """
    path = pathlib.Path(workdir) / "config.json"
    try:
        config = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"{workdir} is not a workdir (it has no config.json): train one with "
            f"`python -m fevgan_jax.main --config=... --workdir={workdir}`."
        ) from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is broken ({error}): put the run's config back, or train again."
        ) from error
    if not (isinstance(config, dict) and {"model", "data"} <= config.keys()):
        raise UserError(f"{path} is not the config of a run: name a workdir of this package.")
    upgrade(config)
    return ml_collections.ConfigDict(config)


def to_json(config: ml_collections.ConfigDict) -> bytes:
    """The content of a `config.json`."""
    return (json.dumps({"version": VERSION} | plain(config), indent=2) + "\n").encode()


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The config as JSON gives it back: nested dicts, lists for tuples."""
    return json.loads(config.to_json_best_effort())


def _fields(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its path; a schedule in a number's place is one value."""
    if isinstance(node, dict) and not _matches(path, (*_RATES, *_WEIGHTS)):
        for name, value in node.items():
            yield from _fields(value, f"{path}.{name}" if path else name)
    else:
        yield path, node


def _is_allowed(change: dict[str, Any]) -> bool:
    name, was, becomes = change["field"], change["from"], change["to"]
    if name in _RATES and isinstance(was, dict) != isinstance(becomes, dict):
        return False  # a schedule counts its steps in the optimizer's state, a number does not
    if _matches(name, _WEIGHTS) and None in (was, becomes):
        return False  # a term that comes or goes
    if name in _OF_THE_SET and not was:
        return True
    return _matches(name, MAY_CHANGE)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _has_shapes(names: Any) -> bool:
    return any(name.startswith("data.shapes.") for name in names)
