"""How bfloat16 changes the losses: `python benchmarks/scale/bfloat16.py --config=demo`.

Trains in float32, and repeats each step from the same state with `compute_dtype` bfloat16, which
gives the effect on a single step's losses. A training in bfloat16, and for comparison one in
float32 from parameters changed in their last bit, give the effect of rounding on a whole training.
All see the same batches of `config.data.dataset`, which is prepared if it is missing. Prints one
JSON object of
relative differences from the first training's losses, by term: of single steps, and of the means
over all steps and over the last quarter.
"""

import json
import pathlib
import sys
import tempfile
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import jax
import ml_collections
import numpy as np
import rounding
import tqdm
from absl import flags

from fevgan_jax import recognizers
from fevgan_jax.data import pipeline, prepared
from fevgan_jax.models import inputs
from fevgan_jax.prepare import prepare
from fevgan_jax.runtime import cli, config_flag, sharding
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics, make_train_step

_AS_ON_ACCELERATORS = {"xla_allow_excess_precision": False}
"""Without it XLA may keep float32 precision between operations on a CPU."""


def compare(config: ml_collections.ConfigDict, num_steps: int) -> dict[str, dict[str, float]]:
    """Trains the four ways on the prepared set of `config`."""
    family = build_family(config)
    metrics = make_metrics(config, family)
    mesh = sharding.make_mesh(jax.devices()[:1])
    frozen, _ = recognizers.load(frozen_encoders(config), None)
    frozen = jax.device_put(frozen, sharding.replicated(mesh))
    steps = {}
    for config.compute_dtype in ("float32", "bfloat16"):
        steps[config.compute_dtype] = jax.jit(
            make_train_step(config.copy_and_resolve_references(), family),
            compiler_options=_AS_ON_ACCELERATORS if jax.default_backend() == "cpu" else None,
        )
    first = jax.jit(
        lambda: init_state(config, family, metrics),
        out_shardings=sharding.replicated(mesh),
    )()
    trainings = {
        "float32": ("float32", first),
        "bfloat16": ("bfloat16", first),
        "float32_moved_by_a_bit": ("float32", rounding.larger_by_a_bit(first)),
    }
    seen = {name: [] for name in ("bfloat16_from_float32", *trainings)}
    batches = _batches(config, mesh)
    for _ in tqdm.trange(num_steps, unit="step"):
        batch = next(batches)
        aside = steps["bfloat16"](trainings["float32"][1], frozen, batch)
        seen["bfloat16_from_float32"].append(_losses(aside))
        for name, (dtype, state) in trainings.items():
            state = steps[dtype](state, frozen, batch)
            seen[name].append(_losses(state))
            trainings[name] = dtype, state.replace(metrics=metrics.empty())
    return {
        term: _differences({name: np.array([of[term] for of in seen[name]]) for name in seen})
        for term in seen["float32"][0]
    }


def _batches(config, mesh) -> Iterator[dict[str, jax.Array]]:
    data = config.data
    return pipeline.train_batches(
        prepared.open_source(data.data_dir, data.dataset, "train", data.frames),
        inputs.FEATURES,
        batch_size=config.batch_size,
        seed=config.seed,
        start_step=0,
        mesh=mesh,
    )


def _losses(state) -> dict[str, float]:
    values = {name: float(value) for name, value in state.metrics.compute().items()}
    return {name: value for name, value in values.items() if not name.endswith("accuracy")}


def _differences(seen: dict[str, np.ndarray]) -> dict[str, float]:
    expected = seen.pop("float32")
    single = np.abs(seen["bfloat16_from_float32"] / expected - 1)
    found = {"single_step_median": np.median(single), "single_step_max": single.max()}
    found["single_steps_beyond_2_percent"] = (single > 0.02).sum()
    for name, values in seen.items():
        for span, start in (("all_steps", 0), ("last_quarter", 3 * len(expected) // 4)):
            found[f"{name}/{span}"] = abs(values[start:].mean() / expected[start:].mean() - 1)
    return {name: round(float(value), 5) for name, value in found.items()}


def _main() -> None:
    config = _CONFIG.value
    with tempfile.TemporaryDirectory(dir=_FOLDER.value) as config.data.data_dir:
        prepare(config.data.dataset, config.data.data_dir)
        found = compare(config, _STEPS.value)
    print(json.dumps({"steps": _STEPS.value, "relative_difference": found}))


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment")
    _STEPS = flags.DEFINE_integer("steps", 200, "number of steps to compare", lower_bound=4)
    _FOLDER = flags.DEFINE_string("folder", None, "parent of the temporary folder")
    cli.run(_main)
