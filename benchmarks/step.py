"""Times one training step: `python benchmarks/step.py --config=mug --batch_size=4`.

Prints one JSON object: milliseconds a step (median, minimum and maximum), time to compile, peak
memory of the process and what ran it. The batch and the frozen nets are random: neither changes
the work.
"""

import functools
import json
import os
import platform
import resource
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from fevgan_jax import cli, config_flag, recognizers
from fevgan_jax.state import build_networks, frozen_encoders, init_state, make_condition
from fevgan_jax.step import make_metrics, make_train_step


def measure(config, batch_size: int, num_steps: int) -> dict:
    """Runs the step of a config `num_steps` times, each waited for."""
    random = np.random.default_rng(0)
    batch = {
        "video": random.integers(0, 256, (batch_size, *config.data.clip_shape), np.uint8),
        "label": random.integers(0, len(config.data.class_names), batch_size).astype(np.int32),
    }
    networks, metrics, frozen = build_networks(config), make_metrics(config), {}
    for encoder in frozen_encoders(config):
        shapes = recognizers.shapes(**encoder)
        drawn = jax.tree.map(
            lambda leaf: jnp.asarray(random.normal(0.0, 0.02, leaf.shape), leaf.dtype), shapes
        )
        frozen[encoder["name"]] = drawn | frozen.get(encoder["name"], {})
    if config.encode_once:
        condition = jax.eval_shape(
            functools.partial(make_condition, config),
            frozen,
            jnp.zeros((batch_size, *config.data.clip_shape[1:])),
            batch["label"],
        )
        batch["identity"] = np.ones(condition["identity"].shape, np.float32)
    state = jax.jit(
        lambda frozen: init_state(config, networks, frozen, metrics, config.data.clip_shape)
    )(frozen)
    step = jax.jit(make_train_step(config, networks), donate_argnums=0)
    start = time.perf_counter()
    compiled = step.lower(state, frozen, batch).compile()
    compile_seconds = time.perf_counter() - start

    milliseconds = []
    for _ in range(num_steps + 1):
        start = time.perf_counter()
        state = jax.block_until_ready(compiled(state, frozen, batch))
        milliseconds.append(1e3 * (time.perf_counter() - start))
    milliseconds = milliseconds[1:]  # the first touches its memory for the first time
    return {
        "batch_size": batch_size,
        "steps": num_steps,
        "median_ms": round(statistics.median(milliseconds), 1),
        "min_ms": round(min(milliseconds), 1),
        "max_ms": round(max(milliseconds), 1),
        "compile_s": round(compile_seconds, 1),
        "peak_memory_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "versions": {"jax": jax.__version__, "python": platform.python_version()},
    }


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose step is timed")
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "clips a step")
    _STEPS = flags.DEFINE_integer("steps", 5, "timed steps")
    cli.run(lambda: print(json.dumps(measure(_CONFIG.value, _BATCH_SIZE.value, _STEPS.value))))
