"""The configuration a workdir keeps: written when a run starts, obeyed ever after."""

import json
import os
import pathlib

import ml_collections

from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.errors import UserError

MAY_CHANGE = (
    "num_steps",
    "remat",
    "log_every",
    "sample_every",
    "checkpoint_every",
    "checkpoint_minutes",
    "num_samples",
    "initial_weights",
    "eval",
)
"""Fields a resumed run may be given anew: none of them changes what an earlier step computed."""
_PLACES = ("data.data_dir", "data.on_device", "data.cache_gib")
"""Fields that say where the data lies, not what it is."""


def keep_config(
    config: ml_collections.ConfigDict, workdir: str | os.PathLike, is_writer: bool = True
) -> None:
    """Checks that a `config.json` there tells of the same experiment, and writes it anew.

    Args:
      config: the experiment.
      workdir: the run's folder.
      is_writer: whether this process writes; the others only check.

    Raises:
      UserError: the workdir belongs to another experiment.
    """
    path = pathlib.Path(workdir) / "config.json"
    if path.exists():
        there, here = (_flat(c) for c in (read_config(workdir), config))
        other = [
            f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
            for name in sorted(there.keys() | here.keys())
            if there.get(name) != here.get(name) and name.split(".")[0] not in MAY_CHANGE
            if name not in _PLACES
        ]
        if other:
            raise UserError(
                f"{workdir} holds another experiment ({'; '.join(other[:3])}): choose another "
                "--workdir, or give the config it was started with."
            )
    if is_writer:
        write_atomic(path, (json.dumps(plain(config), indent=2) + "\n").encode())


def read_config(workdir: str | os.PathLike) -> ml_collections.ConfigDict:
    """Reads the config of a workdir.

    Raises:
      UserError: there is none, or it is not whole.
    """
    path = pathlib.Path(workdir) / "config.json"
    try:
        return ml_collections.ConfigDict(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise UserError(
            f"{workdir} is no workdir (it has no config.json): train one with "
            f"`python -m fevgan_jax.main --config=... --workdir={workdir}`."
        ) from error
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path} is broken ({error}): put the run's config back, or train anew."
        ) from error


def plain(config: ml_collections.ConfigDict) -> dict:
    """The config as JSON gives it back: nested dicts, lists for tuples."""
    return json.loads(config.to_json_best_effort())


def _flat(config: ml_collections.ConfigDict) -> dict:
    def walk(node, path):
        if isinstance(node, dict):
            for name, value in node.items():
                yield from walk(value, [*path, name])
        else:
            yield ".".join(path), node

    return dict(walk(plain(config), []))
