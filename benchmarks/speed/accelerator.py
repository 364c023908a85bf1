"""Times a step on an accelerator: `python benchmarks/speed/accelerator.py --config=mug`.

Add `--config.compute_dtype=bfloat16` for mixed precision. Prints one JSON object: by batch size the
milliseconds of a step, clips a second, arithmetic as `arithmetic.py` counts it, its share of a
large matrix product's rate measured on the same device, and peak memory; for `config.batch_size`
clips also the hours that `config.num_steps` steps take, and the ten kernels that take the most
time.
"""

import collections
import json
import multiprocessing
import pathlib
import tempfile
from typing import Any

import jax
import ml_collections
from absl import flags
from step import MatrixProduct, Ours, about, summary, timed

from fevgan_jax.runtime import cli, config_flag

_SHOWN_KERNELS = 10
_PROFILED_STEPS = 3


def measure(
    config: ml_collections.ConfigDict, batch_sizes: list[int], num_steps: int
) -> dict[str, Any]:
    """Times each batch size in a process of its own, up to the first that does not fit."""
    sizes = sorted({config.batch_size, *batch_sizes})
    found = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        (product,) = processes.starmap(_product, [(num_steps,)])
        for size in sizes:
            (found[size],) = processes.starmap(_step, [(config, size, num_steps)])
            if "error" in found[size]:
                break
            found[size]["share_of_product"] = round(found[size]["gigaflop_per_s"] / product, 3)
    return {
        **about(num_steps),
        "compute_dtype": config.compute_dtype,
        "matrix_product_gigaflop_per_s": product,
        "by_batch_size": found,
    }


def _product(num_steps: int) -> float:
    product = MatrixProduct()
    milliseconds = summary(timed(product, num_steps + 1)[1:])["median_ms"]
    return round(1e3 * product.report()["gigaflop"] / milliseconds, 1)


def _step(config: ml_collections.ConfigDict, batch_size: int, num_steps: int) -> dict[str, Any]:
    try:
        step = Ours(config, batch_size)
        found = summary(timed(step, num_steps + 1)[1:]) | step.report()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return {"error": "does not fit the device's memory"}
    found["clips_per_s"] = round(1e3 * batch_size / found["median_ms"], 2)
    found["gigaflop_per_s"] = round(1e3 * step.gigaflop() / found["median_ms"], 1)
    if batch_size == config.batch_size:
        found["hours_of_training"] = round(config.num_steps * found["median_ms"] / 3.6e6, 2)
        found["kernels"] = _kernels(step)
    return found


def _kernels(step: Ours) -> dict[str, float]:
    """Shares of the device's busy time, largest first."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            timed(step, _PROFILED_STEPS)
        (file,) = pathlib.Path(folder).rglob("*.xplane.pb")
        seconds = collections.Counter()
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
            for line in plane.lines:
                if _is_of_kernels(plane.name, line.name):
                    for event in line.events:
                        seconds[event.name] += event.duration_ns
    total = sum(seconds.values())
    return {name: round(each / total, 3) for name, each in seconds.most_common(_SHOWN_KERNELS)}


def _is_of_kernels(plane: str, line: str) -> bool:
    if jax.default_backend() == "cpu":
        return "XLAEigen" in line
    return plane.startswith("/device:") and (line.startswith("Stream") or line == "XLA Ops")


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose step is timed")
    _BATCH_SIZES = flags.DEFINE_multi_integer("batch_size", [16, 64, 256], "clips a step")
    _STEPS = flags.DEFINE_integer("steps", 20, "timed steps of each")
    cli.run(lambda: print(json.dumps(measure(_CONFIG.value, _BATCH_SIZES.value, _STEPS.value))))
