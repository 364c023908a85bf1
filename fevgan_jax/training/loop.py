"""The training loop, from an empty or an interrupted workdir to the last step."""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor

import jax
import ml_collections
import numpy as np
import tqdm
from absl import logging
from clu import parameter_overview
from jax.experimental import multihost_utils

from fevgan_jax import recognizers
from fevgan_jax.data import pipeline
from fevgan_jax.run import media
from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.run.workdir import keep_config, plain
from fevgan_jax.runtime import processes, sharding
from fevgan_jax.runtime.errors import Preempted
from fevgan_jax.training import released, trained
from fevgan_jax.training.state import (
    TrainState,
    build_networks,
    frozen_encoders,
    init_state,
    make_condition,
    sampling_variables,
)
from fevgan_jax.training.step import lower_train_step, make_metrics, make_sample_step, to_signed

_PHOTOS = 32  # encoded together


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
      UserError: the data, a frozen net or the batch size does not fit, or the workdir holds
        another experiment or a broken checkpoint.
      FloatingPointError: a loss was not finite; names the step.
      Preempted: SIGTERM came, and the state is saved.
    """
    mesh = sharding.make_mesh()
    sharding.check_batch_size(config.batch_size, mesh, config.microbatches)
    data = config.data
    source = pipeline.open_source(data.data_dir, data.dataset, "train", data.frames)
    data.class_names = source.class_names
    data.clip_shape = source[0]["video"].shape
    frozen, hashes = recognizers.load(frozen_encoders(config), weights_dir)
    keep_config(config, workdir, is_writer=processes.is_main())

    networks = build_networks(config)
    metrics = make_metrics(config)
    everywhere = sharding.replicated(mesh)
    frozen = jax.device_put(frozen, everywhere)
    no_metrics = jax.jit(metrics.empty, out_shardings=everywhere)
    samples = _Samples(config, networks, frozen)
    encode_once = config.encode_once and config.model.identity_encoder

    with (
        Checkpoints(workdir) as checkpoints,
        Summaries(workdir, is_writer=processes.is_main()) as summaries,
        processes.Preemption() as preemption,
        ThreadPoolExecutor(1) as beside,
    ):
        if checkpoints.latest_step is None:
            start = 0
        else:
            state = trained.restore(checkpoints, config, networks, hashes, mesh)
            start = int(state.step)
            logging.info("Resuming after step %d.", start)
            if start >= config.num_steps:
                return state
        summaries.cut_back(start)
        photos = _encode_photos(config, frozen, source) if encode_once else {}
        shapes = pipeline.batch_shapes(source, config.batch_size, photos)
        if start == 0:
            state, drawing = _draw(config, networks, everywhere, beside)
        lowered = lower_train_step(config, networks, mesh, state, frozen, shapes)
        if start == 0:
            state = drawing.result()
            if config.initial_weights:
                state = jax.device_put(released.start_from(config, state), everywhere)
        # Not until now: readers would hold up the tracing, which needs the interpreter.
        batches = pipeline.train_batches(
            source,
            batch_size=config.batch_size,
            seed=config.seed,
            start_step=start,
            mesh=mesh,
            rows_by_clip=photos,
            keep_on_device=data.on_device,
        )
        train_step = lowered.compile()
        processes.return_freed_memory()
        if start == 0:
            # Not until now: it waits for the starting values.
            overview = _overview(state)
        timetable = _Timetable(config)
        logged, clock = start, time.perf_counter()
        for step in range(start + 1, config.num_steps + 1):
            state = train_step(state, frozen, next(batches))
            if step == start + 1:
                jax.block_until_ready(state)
                logging.info("Step %d is done: the first since the start.", step)
                # Not until now: both bring TensorFlow, whose import takes 3 s of one of the cores.
                progress = _progress(config.num_steps)
                if start == 0:
                    summaries.hparams(plain(config), overview)
            progress(step)
            last = step == config.num_steps
            if step % config.log_every == 0 or last:
                _stop_on_nan(state)
                values = state.metrics.compute()
                summaries.scalars(step, {name: float(value) for name, value in values.items()})
                pace = (step - logged) / (time.perf_counter() - clock)
                summaries.timings(step, {"steps_per_second": pace})
                logged, clock = step, time.perf_counter()
                # Anew each time: the step takes the buffers of the state it is given.
                state = state.replace(metrics=no_metrics())
            if step % config.sample_every == 0 or last:
                samples.write(step, state, summaries)
            preempted = preemption.reached(step)
            if timetable.is_due(step) or preempted or last:
                _stop_on_nan(state)
                checkpoints.save(step, state, hashes)
            if preempted and not last:
                checkpoints.wait()
                raise Preempted(f"saved step {step}")
        checkpoints.wait()
    return state


def _draw(config, networks, everywhere, beside: ThreadPoolExecutor) -> tuple[TrainState, Future]:
    """A new run's state: its shapes at once, its values from a thread.

    The caller runs nothing on the devices until they are there: each device must meet all programs
    in one order.
    """
    metrics, clip_shape = make_metrics(config), config.data.clip_shape
    init = jax.jit(
        lambda: init_state(config, networks, metrics, clip_shape),
        out_shardings=everywhere,
        # Compiling the random draws took 23 s with LLVM's optimisations and 3.5 s without.
        compiler_options={"xla_backend_optimization_level": 0},
    ).lower()
    return init.out_info, beside.submit(lambda: init.compile()())


def _progress(num_steps: int):
    from clu import periodic_actions

    return periodic_actions.ReportProgress(
        num_train_steps=num_steps, every_steps=None, every_secs=20
    )


class _Timetable:
    """When checkpoints are due: by steps, or by the main process's clock."""

    def __init__(self, config):
        self._config = config
        self._next = self._minutes_from_now()

    def is_due(self, step: int) -> bool:
        if not self._config.checkpoint_minutes:
            return step % self._config.checkpoint_every == 0
        # Only where the host has waited for the devices anyway: the answer must be the same in
        # all processes, which takes them a message.
        if step % self._config.log_every:
            return False
        due = bool(multihost_utils.broadcast_one_to_all(time.monotonic() >= self._next))
        if due:
            self._next = self._minutes_from_now()
        return due

    def _minutes_from_now(self) -> float:
        return time.monotonic() + 60 * self._config.checkpoint_minutes


def _encode_photos(config, frozen, source: pipeline.Source) -> dict[str, np.ndarray]:
    """What E_id sees in the neutral photo of each clip: it is frozen, and so are they."""
    encode = jax.jit(
        lambda frozen, pixels: make_condition(config, frozen, to_signed(pixels), None)["identity"]
    )
    features = []
    for start in tqdm.trange(0, len(source), _PHOTOS, desc="encode photos", unit="batch"):
        rows = np.minimum(np.arange(start, start + _PHOTOS), len(source) - 1)
        photos = np.stack([source[int(i)]["video"][0] for i in rows])
        features.append(sharding.to_host(encode(frozen, photos)))
    return {"identity": np.concatenate(features)[: len(source)]}


class _Samples:
    """A few fixed test clips, real beside generated, for TensorBoard and the eye."""

    def __init__(self, config, networks, frozen):
        data = config.data
        test = pipeline.open_source(data.data_dir, data.dataset, "test", data.frames)
        chosen = np.linspace(0, len(test) - 1, config.num_samples).astype(int)
        clips = [test[int(index)] for index in chosen]
        self._real = np.stack([clip["video"] for clip in clips])
        self._labels = np.array([clip["label"] for clip in clips], np.int32)
        self._names = [
            f"{config.data.class_names[clip['label']]}_{clip['subject']}" for clip in clips
        ]
        self._frozen = frozen
        self._sample = jax.jit(make_sample_step(config, networks))

    def write(self, step: int, state: TrainState, summaries: Summaries) -> None:
        """Writes strips (real above generated) and GIFs (real left of generated)."""
        fake = sharding.to_host(
            self._sample(
                sampling_variables(state), self._frozen, self._real[:, 0], self._labels, state.key
            )
        )
        summaries.images(
            step,
            {
                f"strip/{name}": np.concatenate([media.strip(real), media.strip(made)])
                for name, real, made in zip(self._names, self._real, fake, strict=True)
            },
        )
        summaries.videos(
            step,
            {
                f"video/{name}": np.concatenate([real, made], axis=2)
                for name, real, made in zip(self._names, self._real, fake, strict=True)
            },
        )


def _stop_on_nan(state: TrainState) -> None:
    failed = int(state.failed_step)
    if failed >= 0:
        raise FloatingPointError(
            f"a loss was not finite at step {failed}: nothing after the last checkpoint is kept; "
            "lower the learning rate or a loss weight, or look for broken clips."
        )


def _overview(state: TrainState) -> str:
    return "\n\n".join(
        f"{name}\n{parameter_overview.get_parameter_overview(player.params)}"
        for name, player in (
            ("generator", state.generator),
            ("discriminator", state.discriminator),
        )
    )
