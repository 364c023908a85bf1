"""The programs that a run compiles: its initial state, its step, and the photos' features."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax
import ml_collections
import numpy as np
import tqdm

from fevgan_jax import recognizers
from fevgan_jax.data.prepared import Source
from fevgan_jax.models.inputs import to_signed
from fevgan_jax.runtime import sharding
from fevgan_jax.training.family import Batch, Family
from fevgan_jax.training.state import TrainState, init_state
from fevgan_jax.training.step import make_metrics, make_train_step

_PHOTOS = 32  # photos of one encoder batch


def lower_train_step(
    config: ml_collections.ConfigDict,
    family: Family,
    mesh: jax.sharding.Mesh,
    state: TrainState,
    frozen: dict[str, Any],
    batch: Batch,
) -> jax.stages.Lowered:
    """Lowers the training step for a mesh; the state is replicated, and its buffers are donated.

    Args:
      config: the experiment.
      family: its modules.
      mesh: the devices, over which the batch's rows are split.
      state: a state, or its shapes.
      frozen: the frozen nets, or their shapes.
      batch: a batch, or its shapes.
    """
    everywhere = sharding.replicated(mesh)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    step = jax.jit(
        make_train_step(config, family),
        in_shardings=(everywhere, everywhere, sharding.batch_sharding(mesh)),
        out_shardings=everywhere,
        donate_argnums=0,
        # On a CPU, XLA's default schedule is no faster and ignores memory: 2.6 GiB of temporaries
        # for `mug` at batch 16, against 1.8 GiB with this option.
        compiler_options=(
            {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"} if on_cpu else {}
        ),
    )
    return step.lower(state, frozen, batch)


def draw_state(
    config: ml_collections.ConfigDict,
    family: Family,
    mesh: jax.sharding.Mesh,
    beside: ThreadPoolExecutor,
) -> tuple[TrainState, Future]:
    """A new run's state: its shapes at once, its values from a thread.

    The caller runs nothing on the devices until the values are ready: every device must run all
    programs in the same order.
    """
    metrics = make_metrics(config, family)
    init = jax.jit(
        lambda: init_state(config, family, metrics),
        out_shardings=sharding.replicated(mesh),
        # Compiling the initialisation took 23 s with LLVM's optimisations and 3.5 s without.
        compiler_options={"xla_backend_optimization_level": 0},
    ).lower()
    return init.out_info, beside.submit(lambda: init.compile()())


def encode_photos(family: Family, frozen: dict[str, Any], source: Source) -> dict[str, np.ndarray]:
    """The identity encoder's features of each clip's neutral photo, which do not change."""
    encode = jax.jit(
        lambda frozen, pixels: recognizers.encode(family.encoder, frozen, to_signed(pixels))
    )
    features = []
    for start in tqdm.trange(0, len(source), _PHOTOS, desc="encode photos", unit="batch"):
        rows = np.minimum(np.arange(start, start + _PHOTOS), len(source) - 1)
        photos = np.stack([source[int(i)]["video"][0] for i in rows])
        features.append(sharding.to_host(encode(frozen, photos)))
    return {"identity": np.concatenate(features)[: len(source)]}
