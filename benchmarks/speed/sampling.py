"""Times sampling.

`python benchmarks/speed/sampling.py --config=demo --batch_size=6 --batch_size=60`

Prints one JSON object: clips per second by batch size, from uint8 photos to uint8 videos, cores and
versions. Weights and photos are random, which does not change the time.
"""

import functools
import json

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import flags
from step import about, draw_frozen, summary, timed

from fevgan_jax.runtime import cli, config_flag
from fevgan_jax.training.family import build_family
from fevgan_jax.training.sampling import clip_keys, make_sample_step
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics


def measure(
    config: ml_collections.ConfigDict, batch_sizes: list[int], num_runs: int
) -> dict[str, dict]:
    """Clips per second by batch size."""
    family = build_family(config)
    frozen = jax.tree.map(jnp.asarray, draw_frozen(config))
    state = jax.jit(lambda: init_state(config, family, make_metrics(config, family)))()
    sample = jax.jit(make_sample_step(family))
    variables = state.sampler.variables
    random, found = np.random.default_rng(0), {}

    def generate(photos, labels):
        keys = clip_keys(config.seed, map(str, range(len(labels))))
        jax.device_get(sample(variables, frozen, {"photo": photos, "label": labels}, keys))

    for size in batch_sizes:
        photos = random.integers(0, 256, (size, *config.data.clip_shape[1:]), np.uint8)
        labels = np.arange(size, dtype=np.int32) % len(config.data.class_names)
        run = functools.partial(generate, photos, labels)
        found[size] = summary(timed(run, num_runs + 1)[1:])
        found[size]["clips_per_s"] = round(1e3 * size / found[size]["median_ms"], 1)
    return about(num_runs) | {"by_batch_size": found}


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose generator is timed")
    _BATCH_SIZES = flags.DEFINE_multi_integer("batch_size", [6, 60], "clips at a time")
    _RUNS = flags.DEFINE_integer("runs", 5, "timed runs of each")
    cli.run(lambda: print(json.dumps(measure(_CONFIG.value, _BATCH_SIZES.value, _RUNS.value))))
