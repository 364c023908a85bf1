"""Released weights: both networks in bfloat16 with the config they were trained with.

The verb `export` makes them, and `config.initial_weights` names them.
"""

import json
import os
import pathlib
import shutil
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from fevgan_jax.run.files import write_atomic
from fevgan_jax.run.workdir import plain
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import trained
from fevgan_jax.training.state import TrainState, Weights, sampling_variables

ASSETS = pathlib.Path(__file__).parents[1] / "assets"


def export(workdir: str | os.PathLike, output: str | os.PathLike) -> None:
    """Writes `weights.msgpack`, `config.json` and `metrics.jsonl`.

    The generator is the one that samples: its moving average where one is kept.

    Args:
      workdir: the trained run.
      output: the folder to make.
    """
    model = trained.load(workdir, sampling_only=False)
    state, config = model.state, model.config
    sampler = sampling_variables(state)
    weights = {
        "generator": {"params": sampler["params"], "statistics": sampler["batch_stats"]},
        "discriminator": {
            "params": state.discriminator.params,
            "statistics": state.discriminator.statistics,
        },
    }
    output = pathlib.Path(output)
    narrow = jax.tree.map(lambda x: np.asarray(x, jnp.bfloat16), weights)
    write_atomic(output / "weights.msgpack", flax.serialization.msgpack_serialize(narrow))
    shutil.copy(pathlib.Path(workdir) / "metrics.jsonl", output)
    # Where one person keeps data and weights is nobody else's concern.
    config.data.data_dir = ""
    config.initial_weights = pathlib.Path(config.initial_weights).name
    write_atomic(output / "config.json", (json.dumps(plain(config), indent=2) + "\n").encode())


def start_from(config: ml_collections.ConfigDict, state: TrainState) -> TrainState:
    """Puts the released weights that `config.initial_weights` names in place of the drawn ones.

    The optimizers start empty.

    Raises:
      UserError: there are no such weights, or they are of another model.
    """
    folder = ASSETS / config.initial_weights  # a path from the root stands for itself
    if not (folder / "weights.msgpack").is_file():
        there = ", ".join(sorted(path.parent.name for path in ASSETS.glob("*/weights.msgpack")))
        raise UserError(
            f"there are no released weights {config.initial_weights!r}: give the full path of a "
            f"folder that `export` made, or one of: {there}."
        )
    stored = flax.serialization.msgpack_restore((folder / "weights.msgpack").read_bytes())
    # A run without a loss for it has no discriminator to give or to take.
    players = {
        name: player
        for name in ("generator", "discriminator")
        if stored[name]["params"] and (player := getattr(state, name)).params
    }
    drawn = {
        name: {"params": player.params, "statistics": player.statistics}
        for name, player in players.items()
    }
    wide = jax.tree.map(lambda x: np.asarray(x, np.float32), {name: stored[name] for name in drawn})
    wide = _inflate(wide, drawn)
    if _shapes(wide) != _shapes(drawn):
        model = json.loads((folder / "config.json").read_text())["model"]
        raise UserError(
            f"the released weights {config.initial_weights!r} are of another model: give "
            f"config.model as {model}, or clear --config.initial_weights."
        )
    return state.replace(
        average=state.average and Weights(**wide["generator"]),
        **{name: player.replace(**wide[name]) for name, player in players.items()},
    )


def _inflate(stored: Any, drawn: Any) -> Any:
    """Gives the kernels of a generator of key frames the time side of one of whole clips.

    Each moment then fills the two that a doubling makes of it: the video is the first picture and
    then the second, and training joins them (choice: as I3D inflates 2D kernels, Carreira and
    Zisserman 2017, but for a doubling).
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
