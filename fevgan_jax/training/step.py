"""One training step (the paper's Algorithm 1) and one sampling step, both pure."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from clu import metrics as clu_metrics

from fevgan_jax.convolutions import native, operations
from fevgan_jax.runtime import sharding
from fevgan_jax.training import losses
from fevgan_jax.training.optimizers import make_optimizer
from fevgan_jax.training.state import Networks, Player, TrainState, Weights, make_condition

Batch = dict[str, jax.Array]


def to_signed(pixels: jax.Array) -> jax.Array:
    """Turns uint8 pixels into floats in [-1, 1], the range of the generator's tanh."""
    return pixels.astype(jnp.float32) / 127.5 - 1.0


def to_pixels(video: jax.Array) -> jax.Array:
    """Turns floats in [-1, 1] into the nearest uint8 pixels."""
    return jnp.clip(jnp.round((video + 1.0) * 127.5), 0, 255).astype(jnp.uint8)


def make_metrics(config: ml_collections.ConfigDict) -> type[clu_metrics.Collection]:
    """The averages a run of this config logs: every loss term and both players' sums."""
    names = ["generator_loss", *(f"generator_{term}" for term in config.generator_loss)]
    if config.discriminator_loss:
        names += ["discriminator_loss", "real_accuracy", "fake_accuracy"]
        names += [f"discriminator_{term}" for term in config.discriminator_loss]
    return clu_metrics.Collection.create(
        **{name: clu_metrics.Average.from_output(name) for name in names}
    )


def make_train_step(
    config: ml_collections.ConfigDict, networks: Networks
) -> Callable[[TrainState, dict[str, Any], Batch], TrainState]:
    """Builds `train_step(state, frozen, batch) -> state`.

    One generator forward serves both updates. The discriminator judges real and generated video
    apart, so that neither shares BatchNorm statistics with the other, and its judgement of the
    generated one serves both players: pulled back to its own parameters with one cotangent, to
    the video with the other. Both losses are taken before either update (paper, Algorithm 1).
    A config without a discriminator loss leaves the discriminator as it is and never runs it.

    With `config.microbatches` the batch is worked off in so many parts of equal size, and the two
    updates take the means of their gradients. Row r belongs to part r modulo their number, on any
    number of devices. BatchNorm then sees a part at a time: each is normalised by its own
    statistics, over all devices, and the running averages move once for each part, in order.
    With `config.compute_dtype` "bfloat16" the players and the frozen nets compute in it;
    parameters, optimizers, statistics, features and losses stay float32. With `config.remat` the
    backward passes keep no player's activations but compute them anew.

    Args:
      config: the experiment.
      networks: its modules.
    """
    generator_terms = losses.GENERATOR_LOSSES | getattr(networks.family, "GENERATOR_LOSSES", {})
    discriminator_terms = losses.DISCRIMINATOR_LOSSES | getattr(
        networks.family, "DISCRIMINATOR_LOSSES", {}
    )
    settings = _loss_settings(config)
    metrics = make_metrics(config)
    own_encoder = config.model.identity_encoder and config.model.identity_encoder.to_dict()
    rematerialised = jax.checkpoint if config.remat else lambda function: function
    cast = functools.partial(_floats_as, jnp.dtype(config.compute_dtype))

    def gradients(state: TrainState, statistics, frozen, batch: Batch, key):
        """Both players' gradients and moved statistics, and the values that are logged."""
        generator_key, discriminator_key = jax.random.split(key)
        video = to_signed(batch["video"])
        condition = make_condition(
            config, frozen, video[:, 0], batch["label"], batch.get("identity")
        )

        @rematerialised
        def generate(params):
            outputs, moved = networks.generator.apply(
                {"params": cast(params), "batch_stats": statistics["generator"]},
                cast(condition),
                train=True,
                rngs=_streams(generator_key),
                mutable=["batch_stats"],
            )
            return _in_float32(outputs), moved.get("batch_stats", {})

        @rematerialised
        def judge(params, statistics, seen):
            logits, moved = networks.discriminator.apply(
                {"params": cast(params), "batch_stats": statistics},
                cast(seen),
                cast(condition),
                train=True,
                rngs=_streams(discriminator_key),
                mutable=["batch_stats"],
            )
            return _in_float32(logits), moved.get("batch_stats", {})

        def discriminator_loss(real, fake):
            judged = losses.Judged(real=real, fake=fake)
            return losses.weighted_sum(
                config.discriminator_loss, discriminator_terms, settings, judged
            )

        def generator_loss(outputs, fake):
            generated = losses.Generated(outputs, fake, video, condition, frozen, own_encoder)
            return losses.weighted_sum(config.generator_loss, generator_terms, settings, generated)

        gradient, moved, fake, values = {}, {}, {}, {}
        outputs, pull_generator, moved["generator"] = jax.vjp(
            generate, state.generator.params, has_aux=True
        )
        if config.discriminator_loss:
            params = state.discriminator.params
            real, pull_real, after_real = jax.vjp(
                lambda params: judge(params, statistics["discriminator"], video),
                params,
                has_aux=True,
            )
            fake, pull_fake, moved["discriminator"] = jax.vjp(
                lambda params, seen: judge(params, after_real, seen),
                params,
                outputs["video"],
                has_aux=True,
            )
            (values["discriminator_loss"], terms), (to_real, to_fake) = jax.value_and_grad(
                discriminator_loss, argnums=(0, 1), has_aux=True
            )(real, fake)
            gradient["discriminator"] = jax.tree.map(
                jnp.add, pull_real(to_real)[0], pull_fake(to_fake)[0]
            )
            values |= {f"discriminator_{name}": value for name, value in terms.items()}
            values["real_accuracy"] = _mean([head > 0 for head in losses.real_fake(real)])
            values["fake_accuracy"] = _mean([head < 0 for head in losses.real_fake(fake)])

        (values["generator_loss"], terms), (to_outputs, to_fake) = jax.value_and_grad(
            generator_loss, argnums=(0, 1), has_aux=True
        )(outputs, fake)
        values |= {f"generator_{name}": value for name, value in terms.items()}
        if fake:
            to_outputs["video"] += pull_fake(to_fake)[1]
        (gradient["generator"],) = pull_generator(to_outputs)
        return moved, (gradient, values)

    def train_step(state: TrainState, frozen: dict[str, Any], batch: Batch) -> TrainState:
        players = {"generator": state.generator}
        if config.discriminator_loss:
            players["discriminator"] = state.discriminator
        frozen = cast(frozen)
        statistics, (gradient, values) = _accumulate(
            lambda statistics, batch, key: gradients(state, statistics, frozen, batch, key),
            config.microbatches,
            {name: player.statistics for name, player in players.items()},
            batch,
            jax.random.fold_in(state.key, state.step),
        )
        if operations.is_native():
            gradient = native.laid_out(gradient)
        players = {
            name: _update(config[f"{name}_optimizer"], player, gradient[name], statistics[name])
            for name, player in players.items()
        }
        total = values["generator_loss"] + values.get("discriminator_loss", 0.0)
        failed = (state.failed_step < 0) & ~jnp.isfinite(total)
        return state.replace(
            step=state.step + 1,
            average=_average(config.ema_decay, state, players["generator"]),
            metrics=state.metrics.merge(metrics.single_from_model_output(**values)),
            failed_step=jnp.where(failed, state.step + 1, state.failed_step),
            **players,
        )

    return train_step


def lower_train_step(
    config: ml_collections.ConfigDict,
    networks: Networks,
    mesh: jax.sharding.Mesh,
    state: TrainState,
    frozen: dict[str, Any],
    batch: Batch,
) -> jax.stages.Lowered:
    """Lowers the training step for a mesh: the state is on every device, and donated.

    Args:
      config: the experiment.
      networks: its modules.
      mesh: the devices; they share the batch's rows.
      state: a state, or its shapes.
      frozen: the frozen nets, or their shapes.
      batch: a batch, or its shapes.
    """
    everywhere = sharding.replicated(mesh)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    step = jax.jit(
        make_train_step(config, networks),
        in_shardings=(everywhere, everywhere, sharding.batch_sharding(mesh)),
        out_shardings=everywhere,
        donate_argnums=0,
        # Else XLA orders a CPU's operations for speed alone: no faster, and `mug` at batch 16 takes
        # 2.6 GiB of temporaries in place of 1.8.
        compiler_options=(
            {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"} if on_cpu else {}
        ),
    )
    return step.lower(state, frozen, batch)


def make_sample_step(
    config: ml_collections.ConfigDict, networks: Networks
) -> Callable[..., jax.Array]:
    """Builds `sample(variables, frozen, image, label, key) -> uint8 video [B, T, H, W, C]`.

    It uses running averages, so that a photo alone gives the same video as in a batch.
    `image` is uint8 `[B, H, W, C]`, or `[1, H, W, C]` for all labels, whose features are then
    computed once; `label` int32 `[B]`; `key` feeds the noise of families that have any.

    Args:
      config: the experiment.
      networks: its modules.
    """

    def sample(variables, frozen, image, label, key) -> jax.Array:
        condition = make_condition(config, frozen, to_signed(image), label)
        condition = {
            name: jnp.broadcast_to(rows, (len(label), *rows.shape[1:]))
            for name, rows in condition.items()
        }
        outputs = networks.generator.apply(variables, condition, train=False, rngs=_streams(key))
        return to_pixels(outputs["video"])

    return sample


def _accumulate(compute, parts: int, carried, batch: Batch, key: jax.Array):
    """Runs `compute(carried, part, key) -> carried, results` on each part of a batch.

    Returns:
      What the last part left in `carried`, and the means of the results.
    """
    if parts == 1:
        return compute(carried, batch, key)

    def of_parts(rows):
        # A device's rows stay on it: it has as many of each part.
        return jnp.moveaxis(rows.reshape(-1, parts, *rows.shape[1:]), 1, 0)

    def add(carry, part):
        carried, sums = carry
        carried, results = compute(carried, *part)
        return (carried, jax.tree.map(jnp.add, sums, results)), None

    parts_of_batch = (jax.tree.map(of_parts, batch), jax.random.split(key, parts))
    first = jax.tree.map(lambda rows: rows[0], parts_of_batch)
    shapes = jax.eval_shape(compute, carried, *first)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    (carried, sums), _ = jax.lax.scan(add, (carried, zeros), parts_of_batch)
    return carried, jax.tree.map(lambda total: total / parts, sums)


def _floats_as(dtype, tree):
    def cast(leaf):
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)


_in_float32 = functools.partial(_floats_as, jnp.float32)


def _update(optimizer, player: Player, gradient, statistics) -> Player:
    updates, optimizer_state = make_optimizer(optimizer).update(
        gradient, player.optimizer, player.params
    )
    return Player(optax.apply_updates(player.params, updates), statistics, optimizer_state)


def _average(decay: float, state: TrainState, generator: Player):
    """Moves the averages towards the new generator; a young average forgets its start sooner."""
    if state.average is None:
        return None
    age = state.step.astype(jnp.float32)
    decay = jnp.minimum(decay, (1.0 + age) / (10.0 + age))
    new = Weights(generator.params, generator.statistics)
    return jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, state.average, new)


def _loss_settings(config: ml_collections.ConfigDict) -> dict[str, dict[str, Any]]:
    return {
        name.removesuffix("_loss"): config[name].to_dict()
        for name in config
        if name.endswith("_loss") and name not in ("generator_loss", "discriminator_loss")
    }


def _streams(key: jax.Array) -> dict[str, jax.Array]:
    noise, frame = jax.random.split(key)
    return {"noise": noise, "frame": frame}


def _mean(heads: list[jax.Array]) -> jax.Array:
    return jnp.concatenate([head.reshape(-1) for head in heads]).mean()
