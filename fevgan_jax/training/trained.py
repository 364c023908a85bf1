"""A trained model, loaded from its workdir and the weights folder."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flax
import jax
import ml_collections
from jax.sharding import Mesh

from fevgan_jax import recognizers
from fevgan_jax.run.checkpoint import Checkpoints, Layout
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.check import check_config
from fevgan_jax.training.family import Batch, Family, build_family, frozen_encoders
from fevgan_jax.training.sampling import make_sample_step
from fevgan_jax.training.state import NETWORKS, TrainState, init_state, not_finite
from fevgan_jax.training.step import make_metrics


@flax.struct.dataclass
class Trained:
    """A restored run, ready to sample.

    Attributes:
      config: the run's config.
      state: its last checkpoint; what sampling does not need is None unless it was asked for.
      frozen: parameters of the frozen nets, by name.
      mesh: the devices of both.
    """

    config: ml_collections.ConfigDict = flax.struct.field(pytree_node=False)
    state: TrainState
    frozen: dict[str, Any]
    mesh: Mesh = flax.struct.field(pytree_node=False)

    def sample(self, batch: Batch, keys: jax.Array) -> jax.Array:
        """Generates videos.

        Args:
          batch: `photo` uint8 `[B, H, W, C]` and `label` int32 `[B]`, or other features that the
            family's condition needs; a feature may have one row for all.
          keys: `[B]`, from `sampling.clip_keys`.

        Returns:
          uint8 `[B, T, H, W, C]`, sharded as the batch is.
        """
        return self._sample(self.state.sampler.variables, self.frozen, batch, keys)

    def sample_once(self, shapes: Batch, keys: jax.Array) -> Callable[[Batch], jax.Array]:
        """Starts to compile `sample` for a single batch, in a thread.

        On a CPU it compiles in less than half the time of `sample`, and runs a third longer.

        Args:
          shapes: the shapes of the batch.
          keys: `[B]`, from `sampling.clip_keys`.

        Returns:
          A function that samples the batch; its first call waits for the compiler.
        """
        arguments = self.state.sampler.variables, self.frozen
        lowered = self._sample.lower(*arguments, shapes, keys)
        compiler = ThreadPoolExecutor(1)
        compiling = compiler.submit(
            lowered.compile, compiler_options={"xla_backend_optimization_level": 0}
        )
        compiler.shutdown(wait=False)
        return lambda batch: compiling.result()(*arguments, batch, keys)

    @functools.cached_property
    def family(self) -> Family:
        """The model family's modules and functions."""
        return build_family(self.config)

    @functools.cached_property
    def _sample(self):
        return jax.jit(make_sample_step(self.family))


def load(
    workdir: str | os.PathLike, weights_dir: str | None = None, sampling_only: bool = True
) -> Trained:
    """Loads the last checkpoint of a workdir.

    Args:
      workdir: the run's folder.
      weights_dir: folder of the frozen nets.
      sampling_only: do not read the discriminator, the optimizers and what else sampling does not
        need.

    Raises:
      UserError: there is no run or no checkpoint, it is damaged or of another model, its config
        cannot be used, or a frozen net is missing or not the one that the run was trained with.
    """
    config = read_config(workdir)
    check_config(config)
    mesh = sharding.make_mesh()
    frozen, hashes = recognizers.load(frozen_encoders(config), weights_dir)
    with Checkpoints(workdir) as checkpoints:
        if checkpoints.latest_step is None:
            raise UserError(
                f"{workdir} has no checkpoint yet: run `python -m fevgan_jax.main` on it until "
                "it has saved one."
            )
        state = restore(checkpoints, config, build_family(config), hashes, mesh, sampling_only)
    return Trained(
        config=config,
        state=state,
        frozen=jax.device_put(frozen, sharding.replicated(mesh)),
        mesh=mesh,
    )


def restore(
    checkpoints: Checkpoints,
    config: ml_collections.ConfigDict,
    family: Family,
    hashes: dict[str, str],
    mesh: Mesh,
    sampling_only: bool = False,
) -> TrainState:
    """Restores the last checkpoint, replicated over `mesh`.

    Args:
      checkpoints: the workdir's.
      config: the run's config.
      family: its modules.
      hashes: the sha256 of the frozen nets' files, by name.
      mesh: the devices to restore to.
      sampling_only: leave out what sampling does not need.

    Raises:
      UserError: the checkpoint is damaged, of another model or other frozen nets, or not finite.
    """
    abstract = jax.eval_shape(
        lambda: init_state(config, family, make_metrics(config, family), sampling_only)
    )
    everywhere = sharding.replicated(mesh)
    state, trained_with = checkpoints.restore(
        jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere), abstract
        ),
        whole=not sampling_only,
        layouts=_LAYOUTS,
    )
    if name := not_finite(state):
        raise UserError(
            f"{name} is not finite in the checkpoint of step {int(state.step)} in "
            f"{checkpoints.directory}: delete that checkpoint's folder to use the one before it."
        )
    for name, digest in trained_with.items():
        if hashes.get(name) != digest:
            raise UserError(
                f"this run was trained with another {name} (sha256 {digest[:16]}...): put that "
                "file into the weights folder, or train again."
            )
    return state


def _with_statistics(change: Callable[[Any], Any], state: TrainState) -> TrainState:
    """The state with other statistics of each network in it."""
    there = {name: getattr(state, name) for name in NETWORKS}
    return state.replace(
        **{
            name: weights.replace(statistics=change(weights.statistics))
            for name, weights in there.items()
            if weights is not None
        }
    )


_LAYOUTS = {
    1: Layout(
        functools.partial(_with_statistics, lambda collections: collections.get("batch_stats", {})),
        functools.partial(
            _with_statistics, lambda averages: {"batch_stats": averages} if averages else {}
        ),
    )
}
