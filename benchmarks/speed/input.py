"""Times the input pipeline: `python benchmarks/speed/input.py --config=mug --batch_size=4`.

Prints one JSON object and one sentence: clips per second from a prepared set through the host with
every clip decoded, through the host with decoded clips cached, and from the set kept on the
devices; and each as a multiple of the rate that the config's step consumes.
"""

import itertools
import json
import os
import platform
import time

import grain
import jax
import step
from absl import flags

from fevgan_jax.data import pipeline, prepared
from fevgan_jax.models.inputs import FEATURES
from fevgan_jax.runtime import cli, config_flag, sharding

PATHS = {
    "decoding": {"cache_gib": 0.0},
    "decoded": {},
    "on_device": {"keep_on_device": True},
}
"""Arguments of `pipeline.train_batches`."""


def measure(source: prepared.Source, batch_size: int, seconds: float) -> dict[str, float]:
    """Takes batches by each path for some seconds, waits for each, and returns clips per second."""
    rates = {}
    for name, path in PATHS.items():
        batches = pipeline.train_batches(
            source,
            FEATURES,
            batch_size=batch_size,
            seed=0,
            start_step=0,
            mesh=sharding.make_mesh(),
            **path,
        )
        # One pass over the set fills the caches and the prefetch buffers.
        warm_up = 8 if name == "decoding" else len(source) // batch_size + 8
        jax.block_until_ready(list(itertools.islice(batches, warm_up))[-1])
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            jax.block_until_ready(next(batches))
            count += batch_size
        rates[name] = count / (time.perf_counter() - start)
    return rates


def main() -> None:
    """Prints the rates."""
    config = _CONFIG.value
    source = prepared.open_source(
        _DATA_DIR.value, _DATASET.value or config.data.dataset, "train", config.data.frames
    )
    step_ms = _STEP_MS.value or step.measure(config, _BATCH_SIZE.value, 2)["median_ms"]
    consumed = 1e3 * _BATCH_SIZE.value / step_ms
    rates = measure(source, _BATCH_SIZE.value, _SECONDS.value)
    told = {
        "clips": len(source),
        "batch_size": _BATCH_SIZE.value,
        "clips_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "step_ms": step_ms,
        "step_clips_per_s": round(consumed, 2),
        "times_the_step": {name: round(rate / consumed, 1) for name, rate in rates.items()},
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "versions": {
            "jax": jax.__version__,
            "grain": grain.__version__,
            "python": platform.python_version(),
        },
    }
    print(json.dumps(told))
    print(
        f"The step takes {consumed:.2f} clips/s; the host gives {rates['decoding']:.0f} decoding "
        f"each, {rates['decoded']:.0f} once decoded, the devices {rates['on_device']:.0f}."
    )


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose step consumes the batches")
    _DATASET = flags.DEFINE_string("dataset", "", "the set to read; the config's if empty")
    _DATA_DIR = flags.DEFINE_string("data_dir", "", "folder of prepared sets; TFDS's if empty")
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "clips a step")
    _SECONDS = flags.DEFINE_float("seconds", 3.0, "how long each path is timed")
    _STEP_MS = flags.DEFINE_float("step_ms", 0.0, "milliseconds by step.py; 0 measures them")
    cli.run(main)
