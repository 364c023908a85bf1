"""What a system costs: parameters, clips seen, time and memory."""

import dataclasses
import functools
import pathlib

import jax
import numpy as np
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util.tensor_util import make_ndarray

from fevgan_jax.comparison.rows import Row
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
      generator: trained and frozen parameters of the generator, without frozen nets.
      discriminator: of all discriminators; 0 without one.
      steps: of the evaluated checkpoint, or of the last one; None without any.
      clips_seen: rows of the batches of these steps.
      step_ms: milliseconds a step, the median of the training's own lines; None where the run
        recorded none.
      memory_gib: peak memory of the training, of its device or, on a CPU, of its process.
    """

    generator: int
    discriminator: int
    steps: int | None
    clips_seen: int | None
    step_ms: float | None
    memory_gib: float | None


def of_run(row: Row) -> Cost:
    """Counts parameters, and reads the rest from the workdir's event files."""
    config, family = row.config, row.family
    state = jax.eval_shape(lambda: init_state(config, family, make_metrics(config, family)))
    players = (state.generator, state.discriminator)
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(player.params)) for player in players]
    pace, memory = (_recorded(row.workdir, tag) for tag in ("steps_per_second", "peak_memory_gib"))
    rows = config.batch_size * config.rule.critic_steps
    steps = row.summary["step"] if row.result else row.checkpoint
    return Cost(
        *sizes,
        steps=steps,
        clips_seen=None if steps is None else steps * rows,
        step_ms=1000.0 / float(np.median(pace)) if pace else None,
        memory_gib=max(memory) if memory else None,
    )


def _recorded(workdir: pathlib.Path, tag: str) -> list[float]:
    """All values of a scalar, over every start of the run."""
    return [value for file in _events(workdir) for value in file.get(tag, [])]


@functools.lru_cache(maxsize=2)
def _events(workdir: pathlib.Path) -> list[dict[str, list[float]]]:
    found = []
    for path in sorted(workdir.glob("events.out.tfevents.*")):
        file = event_accumulator.EventAccumulator(str(path), size_guidance={"tensors": 0})
        file.Reload()
        found.append(
            {
                tag: [float(make_ndarray(event.tensor_proto)) for event in file.Tensors(tag)]
                for tag in file.Tags()["tensors"]
                if tag in ("steps_per_second", "peak_memory_gib")
            }
        )
    return found
