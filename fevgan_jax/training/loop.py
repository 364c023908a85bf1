"""The training loop, from an empty or an interrupted workdir to the last step."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import ml_collections
import numpy as np
from absl import logging
from clu import parameter_overview

from fevgan_jax import recognizers
from fevgan_jax.data import pipeline, prepared
from fevgan_jax.run import files, lock
from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.run.timetable import Timetable
from fevgan_jax.run.workdir import find_changes, keep_config, plain
from fevgan_jax.runtime import processes, sharding
from fevgan_jax.runtime.errors import Preempted
from fevgan_jax.training import released, trained
from fevgan_jax.training.check import check_clips, check_config
from fevgan_jax.training.family import Family, build_family, frozen_encoders
from fevgan_jax.training.programs import draw_state, encode_photos, lower_train_step
from fevgan_jax.training.samples import Samples
from fevgan_jax.training.state import TrainState, not_finite
from fevgan_jax.training.step import make_metrics


def train(
    config: ml_collections.ConfigDict, workdir: str | os.PathLike, weights_dir: str | None = None
) -> TrainState:
    """Trains until `config.num_steps`; run again with the same workdir, it goes on.

    Args:
      config: the experiment.
      workdir: where it lives; see `docs` for what it holds.
      weights_dir: folder of the frozen nets, or None for the usual one.

    Returns:
      The state after the last step.

    Raises:
      UserError: a field of the config, the data or a frozen net does not fit, or the workdir is a
        file, holds another experiment or a damaged checkpoint, or another training runs in it; it
        is then as it was.
      FloatingPointError: a loss or what a step made of the state was not finite; names the step.
      Preempted: SIGTERM came, and the state is saved.
    """
    files.require_folder(workdir)
    check_config(config)
    mesh = sharding.make_mesh()
    sharding.check_batch_size(config.batch_size, mesh, config.microbatches)
    data = config.data
    source = prepared.open_source(data.data_dir, data.dataset, "train", data.frames, data.version)
    family = describe_data(config, source)
    check_clips(config)
    changes = find_changes(config, workdir)
    frozen, hashes = recognizers.load(frozen_encoders(config), weights_dir)

    everywhere = sharding.replicated(mesh)
    frozen = jax.device_put(frozen, everywhere)
    no_metrics = jax.jit(make_metrics(config, family).empty, out_shardings=everywhere)
    samples = Samples(config, family, frozen)
    encode_once = config.encode_once and family.encoder

    with (
        lock.hold(workdir, is_holder=processes.is_main()),
        Checkpoints(workdir) as checkpoints,
        Summaries(workdir, is_writer=processes.is_main()) as summaries,
        processes.Preemption() as preemption,
        ThreadPoolExecutor(1) as beside,
    ):
        if checkpoints.latest_step is None:
            start = last_line = 0
        else:
            state = trained.restore(checkpoints, config, family, hashes, mesh)
            start = int(state.step)
            logging.info("Resuming after step %d.", start)
            if start >= config.num_steps:
                _claim(config, workdir, changes, start)
                return state
            # Averages that are not empty: the line of this step was the last of a shorter run.
            averages, none = jax.tree.leaves(state.metrics), jax.tree.leaves(no_metrics())
            last_line = start if all(map(np.array_equal, averages, none)) else start - 1
        photos = encode_photos(family, frozen, source) if encode_once else {}
        rows = config.batch_size * config.rule.critic_steps
        shapes = pipeline.batch_shapes(source, family.features, rows, photos)
        if start == 0:
            state, drawing = draw_state(config, family, mesh, beside)
        lowered = lower_train_step(config, family, mesh, state, frozen, shapes)
        if start == 0:
            state = drawing.result()
            if config.initial_weights:
                state = jax.device_put(released.start_from(config, state), everywhere)
        # After tracing, which needs the interpreter and would be slowed down by the readers.
        batches = pipeline.train_batches(
            source,
            family.features,
            batch_size=rows,
            seed=config.seed,
            start_step=start,
            mesh=mesh,
            rows_by_clip=photos,
            keep_on_device=data.on_device,
            cache_gib=data.cache_gib,
        )
        train_step = lowered.compile()
        # A start that fails, for memory or a mistake, leaves the workdir as it was.
        _claim(config, workdir, changes, start)
        summaries.cut_back(last_line)
        processes.return_freed_memory()
        if start == 0:
            # After compiling, because it waits for the initial values.
            overview = _overview(state)
        timetable = Timetable(config)
        logged, clock = start, time.perf_counter()
        for step in range(start + 1, config.num_steps + 1):
            state = train_step(state, frozen, next(batches))
            if step == start + 1:
                jax.block_until_ready(state)
                logging.info("Step %d is done: the first since the start.", step)
                # After the first step: both import TensorFlow, which takes 3 s of one core.
                progress = _progress(config.num_steps)
                if start == 0:
                    summaries.hparams(plain(config), overview)
            progress(step)
            last = step == config.num_steps
            line_is_due = step % config.log_every == 0
            if line_is_due or last:
                _stop_on_nan(state)
                values = state.metrics.compute()
                summaries.scalars(step, {name: float(value) for name, value in values.items()})
                pace = (step - logged) / (time.perf_counter() - clock)
                cost = {"steps_per_second": pace, "peak_memory_gib": processes.peak_memory_gib()}
                summaries.timings(step, cost)
                logged, clock = step, time.perf_counter()
            if line_is_due:
                # New buffers each time, because the step donates those of its state.
                state = state.replace(metrics=no_metrics())
            if step % config.sample_every == 0 or last:
                samples.write(step, state, summaries)
            preempted = preemption.reached(step)
            if timetable.is_due(step) or preempted or last:
                _stop_on_nan(state)
                if name := not_finite(state):
                    raise FloatingPointError(_failed(name, step))
                checkpoints.save(step, state, hashes)
            if preempted and not last:
                checkpoints.wait()
                raise Preempted(f"saved step {step}")
        checkpoints.wait()
    return state


def _claim(config, workdir, changes, start: int) -> None:
    if processes.is_main():
        keep_config(config, workdir, changes, start)


def describe_data(config: ml_collections.ConfigDict, source: prepared.Source) -> Family:
    """Writes into the config what the data set says of itself, and builds the family for it."""
    data = config.data
    if data.data_dir:
        # The workdir must lead to the data from every folder.
        data.data_dir = str(prepared.data_root(data.data_dir).absolute())
    data.class_names = source.class_names or data.class_names
    data.version, data.fingerprint = source.version, source.fingerprint
    family = build_family(config)
    source.check_features(family.features)
    example = source.read(0, family.features)
    if "video" in example:
        data.clip_shape = example["video"].shape
    elif "photo" in example:
        data.clip_shape = (data.clip_shape[0], *example["photo"].shape)
    data.shapes = {n: (array.shape, str(array.dtype)) for n, array in example.items()}
    return family


def _progress(num_steps: int):
    from clu import periodic_actions

    return periodic_actions.ReportProgress(
        num_train_steps=num_steps, every_steps=None, every_secs=20
    )


def _stop_on_nan(state: TrainState) -> None:
    failed = int(state.failed_step)
    if failed >= 0:
        raise FloatingPointError(_failed("a loss or a weight", failed))


def _failed(what: str, step: int) -> str:
    return (
        f"{what} was not finite at step {step}: nothing after the last checkpoint is kept; lower "
        "the learning rate or a loss weight, or look for broken clips."
    )


def _overview(state: TrainState) -> str:
    return "\n\n".join(
        f"{name}\n{parameter_overview.get_parameter_overview(player.params)}"
        for name, player in (
            ("generator", state.generator),
            ("discriminator", state.discriminator),
        )
    )
