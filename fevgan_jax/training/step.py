"""One pure training step: the paper's Algorithm 1, with the variants of a config's `rule`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from clu import metrics as clu_metrics

from fevgan_jax.convolutions import native, operations
from fevgan_jax.training import microbatches
from fevgan_jax.training.family import Batch, Family
from fevgan_jax.training.gradients import floats_as, logged_names, make_gradients, prepare
from fevgan_jax.training.state import Player, TrainState, Weights, is_finite, player_optimizer

Values = dict[str, jax.Array]
Rule = Callable[[TrainState, dict[str, Any], Batch, jax.Array], tuple[TrainState, Values]]
"""`rule(state, frozen, batch, key)` returns the state with updated players, and logged values."""


def make_train_step(
    config: ml_collections.ConfigDict, family: Family
) -> Callable[[TrainState, dict[str, Any], Batch], TrainState]:
    """Builds `train_step(state, frozen, batch) -> state` from the family's rule, or `make_rule`.

    Args:
      config: the experiment.
      family: its modules.
    """
    rule = getattr(family.module, "make_rule", make_rule)(config, family)
    metrics = make_metrics(config, family)

    def train_step(state: TrainState, frozen: dict[str, Any], batch: Batch) -> TrainState:
        key = jax.random.fold_in(state.key, state.step)
        frozen = floats_as(jnp.dtype(config.compute_dtype), frozen)
        new, values = rule(state, frozen, batch, key)
        total = sum(values.get(f"{player}_loss", 0.0) for player in ("generator", "discriminator"))
        # A finite loss may still make an update that is not. Optimizers, twice as large as the
        # weights, are looked at before they are saved.
        players = new.generator, new.discriminator
        whole = is_finite(total, [(player.params, player.statistics) for player in players])
        failed = (state.failed_step < 0) & ~whole
        return new.replace(
            step=state.step + 1,
            average=_average(config.ema_decay, state, new.generator),
            metrics=state.metrics.merge(metrics.single_from_model_output(**values)),
            failed_step=jnp.where(failed, state.step + 1, state.failed_step),
        )

    return train_step


def make_rule(config: ml_collections.ConfigDict, family: Family) -> Rule:
    """Builds the rule that `config.rule` describes.

    `order` "simultaneous" computes both losses before either update (paper, Algorithm 1), so that
    one generator forward serves both; "discriminator_first" computes the generator's loss with the
    updated discriminator. `critic_steps` discriminator updates come before each generator update,
    each on rows of its own. `fresh_fakes` generates new fakes for the generator's update. Without a
    discriminator loss there is no discriminator.

    The batch of an update is processed in `config.microbatches` parts of equal size, and the update
    takes the mean of their gradients. Row r belongs to microbatch r modulo their number, on any
    number of devices. BatchNorm normalises each microbatch by its own statistics, over all devices,
    and updates the running averages once per microbatch, in order.
    """
    gradients = make_gradients(config, family)
    rule = config.rule
    if not family.discriminator:
        updates = [("generator",)]
    elif rule.order == "simultaneous" and rule.critic_steps == 1:
        updates = [("generator", "discriminator")]
    else:
        updates = [("discriminator",)] * rule.critic_steps + [("generator",)]

    def update(state: TrainState, frozen, batch: Batch, key, players) -> tuple[TrainState, Values]:
        def compute(statistics, batch, key):
            part = prepare(config, family, state.step, frozen, batch, key)
            found = gradients(state, statistics, part, players)
            statistics = statistics | {player: moved for player, (_, moved, _) in found.items()}
            values = {name: v for _, _, values in found.values() for name, v in values.items()}
            return statistics, ({player: g for player, (g, _, _) in found.items()}, values)

        statistics = {"generator": state.generator.statistics}
        if family.discriminator:
            statistics["discriminator"] = state.discriminator.statistics
        statistics, (gradient, values) = microbatches.accumulate(
            compute, config.microbatches, statistics, batch, key
        )
        if operations.is_native():
            gradient = native.laid_out(gradient)
        return state.replace(
            **{
                name: _updated(config, name, getattr(state, name), gradient[name], statistics[name])
                for name in players
            }
        ), values

    def apply_rule(state, frozen, batch: Batch, key) -> tuple[TrainState, Values]:
        batches = microbatches.split(batch, rule.critic_steps)
        logged: dict[str, list[jax.Array]] = {}
        for number, players in enumerate(updates):
            # The generator is updated on the last rows that the discriminator saw.
            rows = min(number, rule.critic_steps - 1)
            drawn = jax.random.fold_in(key, number if rule.fresh_fakes else rows)
            own = {name: array[rows] for name, array in batches.items()}
            state, values = update(state, frozen, own, drawn, players)
            for name, value in values.items():
                logged.setdefault(name, []).append(value)
        return state, {name: sum(values) / len(values) for name, values in logged.items()}

    return apply_rule


def make_metrics(config: ml_collections.ConfigDict, family: Family) -> type[clu_metrics.Collection]:
    """The averages that a run of this config logs: every loss term and each player's sum."""
    names = getattr(family.module, "LOGGED", logged_names)(config)
    return clu_metrics.Collection.create(
        **{name: clu_metrics.Average.from_output(name) for name in names}
    )


def _updated(config, name: str, player: Player, gradient, statistics) -> Player:
    updates, optimizer_state = player_optimizer(config, name, player.params).update(
        gradient, player.optimizer, player.params
    )
    return Player(optax.apply_updates(player.params, updates), statistics, optimizer_state)


def _average(decay: float, state: TrainState, generator: Player) -> Weights | None:
    """Moves the averages towards the new generator; the first steps use a smaller decay."""
    if state.average is None:
        return None
    age = state.step.astype(jnp.float32)
    decay = jnp.minimum(decay, (1.0 + age) / (10.0 + age))
    new = Weights(generator.params, generator.statistics)

    def towards(old: jax.Array, new: jax.Array) -> jax.Array:
        floating = jnp.issubdtype(new.dtype, jnp.floating)
        return decay * old + (1.0 - decay) * new if floating else new

    return jax.tree.map(towards, state.average, new)
