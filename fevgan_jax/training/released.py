"""Released weights: both networks in bfloat16 with the config they were trained with.

The command `export` writes them, and `config.initial_weights` names them.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from fevgan_jax.run.files import require_folder, write_atomic
from fevgan_jax.run.workdir import read_config, to_json
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.gradients import floats_as
from fevgan_jax.training.state import TrainState, Weights, not_finite

ASSETS = pathlib.Path(__file__).parents[1] / "assets"


def export(
    workdir: str | os.PathLike, output: str | os.PathLike, weights_dir: str | None = None
) -> None:
    """Writes `weights.msgpack`, the run's `metrics.jsonl` if it has one, and last `config.json`.

    The generator is the one that samples: its moving average where one is kept.

    Args:
      workdir: the trained run.
      output: the folder to create.
      weights_dir: folder of the frozen nets.

    Raises:
      UserError: there is no trained run, or the folder cannot be made or is the run's.
    """
    require_folder(output)
    workdir, output = pathlib.Path(workdir), pathlib.Path(output)
    if output.resolve() == workdir.resolve():
        raise UserError(f"--output is the workdir itself, {workdir}: name another folder.")
    # Reading checkpoints imports Orbax, which takes longer than reading released weights.
    from fevgan_jax.training import trained

    model = trained.load(workdir, weights_dir, sampling_only=False)
    state, config = model.state, model.config
    weights = {
        "generator": state.sampler.variables,
        "discriminator": state.discriminator.variables,
    }
    if (workdir / "metrics.jsonl").exists():  # a run that was stopped early has none
        write_atomic(output / "metrics.jsonl", (workdir / "metrics.jsonl").read_bytes())
    narrow = jax.tree.map(np.asarray, floats_as(jnp.bfloat16, weights))
    write_atomic(output / "weights.msgpack", flax.serialization.msgpack_serialize(narrow))
    # Paths on the exporting machine are of no use elsewhere.
    config.data.data_dir = ""
    config.initial_weights = pathlib.Path(config.initial_weights).name
    write_atomic(output / "config.json", to_json(config))


def generator(name: str) -> tuple[ml_collections.ConfigDict, dict[str, Any]]:
    """The config and the generator's variables of released weights.

    Args:
      name: a folder of `ASSETS`, or the full path of one that `export` made.

    Raises:
      UserError: there are no released weights of that name.
    """
    folder = _folder(name)
    return read_config(folder), _read(folder)["generator"]


def start_from(config: ml_collections.ConfigDict, state: TrainState) -> TrainState:
    """Replaces drawn parameters by the released weights that `config.initial_weights` names.

    `config.initial_parts` maps paths of this model to paths of the released one:
    `{"generator/encoder": "generator/first/encoder"}`. Without it, every part that both have is
    taken. The optimizers' states are initialised.

    Raises:
      UserError: there are no such weights or parts, or they are of another model or not finite.
    """
    folder = _folder(config.initial_weights)
    stored = _read(folder)
    drawn = {name: getattr(state, name).variables for name in stored}
    # A run without a discriminator loss has no discriminator.
    whole = {name: name for name in stored if stored[name]["params"] and drawn[name]["params"]}
    started = {name: dict(variables) for name, variables in drawn.items()}
    for here, there in (config.initial_parts.to_dict() or whole).items():
        (player, *path), (giver, *origin) = here.split("/"), there.split("/")
        if player not in drawn or _at(drawn[player]["params"], path) is None:
            raise UserError(f"config.initial_parts: this model has no part {here!r}.")
        if giver not in stored or _at(stored[giver]["params"], origin) is None:
            raise UserError(
                f"config.initial_parts: {config.initial_weights!r} has no part {there!r}."
            )
        for collection, tree in started[player].items():
            if _at(tree, path) is None:
                continue
            given = _inflate(_at(stored[giver].get(collection, {}), origin), _at(tree, path))
            if _shapes(given) != _shapes(_at(tree, path)):
                model = json.loads((folder / "config.json").read_text())["model"]
                raise UserError(
                    f"the released weights {config.initial_weights!r} are of another model: give "
                    f"config.model as {model}, or clear --config.initial_weights."
                )
            started[player][collection] = _replaced(tree, path, given)
    weights = {
        name: Weights(variables.pop("params"), variables) for name, variables in started.items()
    }
    return state.replace(
        # Copied, because the step donates the buffers of its state.
        average=state.average and jax.tree.map(jnp.copy, weights["generator"]),
        **{
            name: getattr(state, name).replace(params=new.params, statistics=new.statistics)
            for name, new in weights.items()
            if new.params
        },
    )


def _folder(name: str) -> pathlib.Path:
    folder = ASSETS / name  # an absolute path replaces ASSETS
    if not (folder / "weights.msgpack").is_file():
        there = ", ".join(sorted(path.parent.name for path in ASSETS.glob("*/weights.msgpack")))
        raise UserError(
            f"there are no released weights {name!r}: give the full path of a folder that "
            f"`export` made, or one of: {there}."
        )
    return folder


def _read(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Both players' variables, float32, by collection."""
    stored = flax.serialization.msgpack_restore((folder / "weights.msgpack").read_bytes())
    for variables in stored.values():
        # Older files hold only BatchNorm's averages, under this name.
        averages = variables.pop("statistics", None)
        if averages:
            variables["batch_stats"] = averages
    if name := not_finite(stored):
        raise UserError(
            f"{name} is not finite in the released weights {folder}: export them from a run whose "
            "checkpoint is whole."
        )
    return jax.tree.map(np.asarray, floats_as(np.float32, stored))


def _at(tree: Any, path: list[str]) -> Any:
    """The part of a tree at a path, or None where it has none."""
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return None
        tree = tree[name]
    return tree


def _replaced(tree: Any, path: list[str], part: Any) -> Any:
    """A copy of a tree with another part at a path."""
    if not path:
        return part
    name, *rest = path
    return {**tree, name: _replaced(tree[name], rest, part)}


def _inflate(stored: Any, drawn: Any) -> Any:
    """Adds the time axis to the kernels of a generator trained on key frames.

    A kernel that doubles the frames then repeats each time step: the video is initially the first
    picture and then the second (choice: as I3D inflates 2D kernels, Carreira and Zisserman 2017,
    for transposed convolutions that double the time).
    """
    there = dict(jax.tree_util.tree_leaves_with_path(drawn))

    def inflate(path, kernel):
        wanted = there[path].shape if path in there else kernel.shape
        if kernel.ndim != 5 or wanted == kernel.shape or wanted != (4, *kernel.shape[1:]):
            return kernel
        return np.pad(np.repeat(kernel, 2, axis=0), [(1, 1), *[(0, 0)] * 4])

    return jax.tree_util.tree_map_with_path(inflate, stored)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
