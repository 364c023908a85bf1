"""One training step (the paper's Algorithm 1) and one sampling step, both pure."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from clu import metrics as clu_metrics

from fevgan_jax import losses
from fevgan_jax.optimizers import make_optimizer
from fevgan_jax.state import Networks, Player, TrainState, make_condition

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

    def train_step(state: TrainState, frozen: dict[str, Any], batch: Batch) -> TrainState:
        generator_key, discriminator_key = jax.random.split(
            jax.random.fold_in(state.key, state.step)
        )
        video = to_signed(batch["video"])
        condition = make_condition(
            config, frozen, video[:, 0], batch["label"], batch.get("identity")
        )

        def generate(params):
            outputs, moved = networks.generator.apply(
                {"params": params, "batch_stats": state.generator.statistics},
                condition,
                train=True,
                rngs=_streams(generator_key),
                mutable=["batch_stats"],
            )
            return outputs, moved.get("batch_stats", {})

        def judge(params, statistics, seen):
            logits, moved = networks.discriminator.apply(
                {"params": params, "batch_stats": statistics},
                seen,
                condition,
                train=True,
                rngs=_streams(discriminator_key),
                mutable=["batch_stats"],
            )
            return logits, moved.get("batch_stats", {})

        def discriminator_loss(real, fake):
            judged = losses.Judged(real=real, fake=fake)
            return losses.weighted_sum(
                config.discriminator_loss, discriminator_terms, settings, judged
            )

        def generator_loss(outputs, fake):
            generated = losses.Generated(outputs, fake, video, condition, frozen)
            return losses.weighted_sum(config.generator_loss, generator_terms, settings, generated)

        outputs, pull_generator, generator_statistics = jax.vjp(
            generate, state.generator.params, has_aux=True
        )
        fake, discriminator, values = {}, state.discriminator, {}
        if config.discriminator_loss:
            player = state.discriminator
            real, pull_real, statistics = jax.vjp(
                lambda params: judge(params, player.statistics, video), player.params, has_aux=True
            )
            fake, pull_fake, statistics = jax.vjp(
                lambda params, seen: judge(params, statistics, seen),
                player.params,
                outputs["video"],
                has_aux=True,
            )
            (values["discriminator_loss"], terms), (to_real, to_fake) = jax.value_and_grad(
                discriminator_loss, argnums=(0, 1), has_aux=True
            )(real, fake)
            gradient = jax.tree.map(jnp.add, pull_real(to_real)[0], pull_fake(to_fake)[0])
            discriminator = _update(config.discriminator_optimizer, player, gradient, statistics)
            values |= {f"discriminator_{name}": value for name, value in terms.items()}
            values["real_accuracy"] = _mean([head > 0 for head in losses.real_fake(real)])
            values["fake_accuracy"] = _mean([head < 0 for head in losses.real_fake(fake)])

        (values["generator_loss"], terms), (to_outputs, to_fake) = jax.value_and_grad(
            generator_loss, argnums=(0, 1), has_aux=True
        )(outputs, fake)
        values |= {f"generator_{name}": value for name, value in terms.items()}
        if fake:
            to_outputs["video"] += pull_fake(to_fake)[1]
        (gradient,) = pull_generator(to_outputs)
        generator = _update(
            config.generator_optimizer, state.generator, gradient, generator_statistics
        )
        total = values["generator_loss"] + values.get("discriminator_loss", 0.0)
        failed = (state.failed_step < 0) & ~jnp.isfinite(total)
        return state.replace(
            step=state.step + 1,
            generator=generator,
            discriminator=discriminator,
            average=_average(config.ema_decay, state, generator),
            metrics=state.metrics.merge(metrics.single_from_model_output(**values)),
            failed_step=jnp.where(failed, state.step + 1, state.failed_step),
        )

    return train_step


def make_sample_step(
    config: ml_collections.ConfigDict, networks: Networks
) -> Callable[..., jax.Array]:
    """Builds `sample(variables, frozen, image, label, key) -> uint8 video [B, T, H, W, C]`.

    It uses running averages, so that a photo alone gives the same video as in a batch.
    `image` is uint8 `[B, H, W, C]`, `label` int32 `[B]`, `key` feeds the noise of families
    that have any.

    Args:
      config: the experiment.
      networks: its modules.
    """

    def sample(variables, frozen, image, label, key) -> jax.Array:
        condition = make_condition(config, frozen, to_signed(image), label)
        outputs = networks.generator.apply(variables, condition, train=False, rngs=_streams(key))
        return to_pixels(outputs["video"])

    return sample


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
    new = {"params": generator.params, "statistics": generator.statistics}
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
