"""Times checkpoints: `python benchmarks/speed/checkpoint.py --config=mug`.

Trains on random clips, saves twice, and prints one JSON object: how long `save` blocks the loop,
its share of 100 steps, how much slower steps are while the file is written, the file's size and the
state's.
"""

import json
import os
import pathlib
import statistics
import tempfile
import time

import jax
import numpy as np
from absl import flags

from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.runtime import cli, config_flag, sharding
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.programs import lower_train_step
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics

_STEPS_BETWEEN_SAVES = 100


def measure(config, batch_size: int, folder: pathlib.Path) -> dict:
    """Times steps without and during a save, and the save itself."""
    random, clip = np.random.default_rng(0), tuple(config.data.clip_shape)
    batch = {
        "video": random.integers(0, 256, (batch_size, *clip), np.uint8),
        "label": random.integers(0, len(config.data.class_names), batch_size).astype(np.int32),
    }
    family = build_family(config)
    metrics = make_metrics(config, family)
    state = jax.jit(lambda: init_state(config, family, metrics))()
    step = lower_train_step(config, family, sharding.make_mesh(), state, {}, batch).compile()

    def timed(state):
        start = time.perf_counter()
        state = jax.block_until_ready(step(state, {}, batch))
        return state, time.perf_counter() - start

    state, _ = timed(state)
    alone, during, blocked = [], [], []
    with Checkpoints(folder) as checkpoints:
        for number in (1, 2):
            state, seconds = timed(state)
            alone.append(seconds)
            start = time.perf_counter()
            checkpoints.save(number, state, {})
            blocked.append(time.perf_counter() - start)
            state, seconds = timed(state)
            during.append(seconds)
            checkpoints.wait()
    files = [path for path in (folder / "checkpoints" / "2").rglob("*") if path.is_file()]
    state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state) if hasattr(leaf, "nbytes"))
    seconds = statistics.median(alone)
    return {
        "step_s": round(seconds, 2),
        "step_during_a_save_s": [round(value, 2) for value in during],
        "save_blocks_s": [round(value, 2) for value in blocked],
        "share_of_100_steps": round(blocked[-1] / (_STEPS_BETWEEN_SAVES * seconds), 4),
        "size_over_state": round(sum(map(os.path.getsize, files)) / state_bytes, 4),
        "state_mib": round(state_bytes / 2**20),
        "batch_size": batch_size,
        "cores": os.cpu_count(),
        "device": jax.devices()[0].device_kind,
    }


def _main() -> None:
    config = _CONFIG.value
    if frozen_encoders(config):
        # No frozen nets: checkpoints do not hold them, and shorter steps make a save's share
        # larger.
        config.model.identity_encoder = None
        with config.unlocked():
            del config.generator_loss.identity
    with tempfile.TemporaryDirectory(dir=_FOLDER.value) as folder:
        print(json.dumps(measure(config, _BATCH_SIZE.value, pathlib.Path(folder))))


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment")
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "clips a step")
    _FOLDER = flags.DEFINE_string("folder", None, "parent of the temporary folder")
    cli.run(_main)
