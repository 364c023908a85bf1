"""Each player's loss on one part of a batch, and its gradient."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from fevgan_jax.training import losses
from fevgan_jax.training.family import Batch, Family
from fevgan_jax.training.losses import Context
from fevgan_jax.training.state import TrainState, frozen_parts

Statistics = dict[str, Mapping[str, Any]]
Result = tuple[Any, Mapping[str, Any], dict[str, jax.Array]]
"""A player's gradient, its moved statistics, and the values that are logged."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a batch, ready for both networks.

    Attributes:
      condition: what both are given.
      real: what the outputs are compared with.
      frozen: parameters of the frozen nets, by name.
      step: steps taken so far.
      keys: a PRNG key each for the generator's pass (`generator`), the discriminator's on what is
        `real` and on the `fake`, and the loss `terms`.
    """

    condition: Batch
    real: Batch
    frozen: Mapping[str, Any]
    step: jax.Array
    keys: dict[str, jax.Array]


def prepare(
    config: ml_collections.ConfigDict,
    family: Family,
    step: jax.Array,
    frozen: Mapping[str, Any],
    batch: Batch,
    key: jax.Array,
) -> Part:
    """Turns features as they are on disk into what the networks see.

    Args:
      config: the experiment.
      family: its modules.
      step: steps taken so far.
      frozen: parameters of the frozen nets, by name.
      batch: features `[B, ...]`.
      key: all that is drawn for this part follows from it.
    """
    names = ("examples", "rows", "generator", "real", "fake", "terms")
    keys = dict(zip(names, jax.random.split(key, len(names)), strict=True))
    rows = len(jax.tree.leaves(batch)[0])
    batch = family.examples(batch, jax.random.split(keys["examples"], rows))
    condition = family.condition(
        batch, frozen, jax.random.split(keys["rows"], rows), step / config.num_steps
    )
    return Part(condition, family.real(batch), frozen, step, keys)


def make_gradients(
    config: ml_collections.ConfigDict, family: Family
) -> Callable[[TrainState, Statistics, Part, Sequence[str]], dict[str, Result]]:
    """Builds `gradients(state, statistics, part, players) -> {player: Result}`.

    One generator forward serves both players. The discriminator judges what is real and what is
    generated apart, so that neither shares BatchNorm statistics with the other, and its judgement
    of the generated serves both: pulled back to its own parameters with one cotangent, to the
    outputs with the other. Each player's gradient comes with its own statistics alone: the
    generator's half never moves the discriminator's.

    With `config.compute_dtype` "bfloat16" the players compute in it; parameters, statistics and
    losses stay float32. With `config.remat` the backward passes keep no activations but compute
    them again.
    """
    settings = losses.settings(config)
    cast = functools.partial(floats_as, jnp.dtype(config.compute_dtype))
    rematerialised = jax.checkpoint if config.remat else lambda function: function

    def apply(name: str, key, params, statistics, *inputs):
        @rematerialised
        def run(params, statistics, *inputs):
            outputs, moved = getattr(family, name).apply(
                {"params": cast(params), **statistics},
                *cast(inputs),
                train=True,
                rngs={"params": key},
                mutable=list(statistics),
            )
            return floats_as(jnp.float32, outputs), moved

        outputs, moved = run(params, statistics, *inputs)
        return outputs, {**statistics, **_kept(config, name, statistics, moved)}

    def gradients(state: TrainState, statistics: Statistics, part: Part, players: Sequence[str]):
        generate = functools.partial(apply, "generator", part.keys["generator"])
        judge = functools.partial(apply, "discriminator")
        params = {"generator": state.generator.params}
        found = {}

        def generated(params):
            outputs, moved = generate(params, statistics["generator"], part.condition)
            floats, others = _split(outputs)
            return floats, (others, moved)

        outputs, pull_generator, (others, moved) = jax.vjp(
            generated, params["generator"], has_aux=True
        )
        logits, pull_fake = {"real_logits": {}, "fake_logits": {}}, None
        if family.discriminator:
            params["discriminator"] = state.discriminator.params
            before = statistics["discriminator"]
            logits["real_logits"], pull_real, after_real = jax.vjp(
                lambda own: judge(
                    part.keys["real"], own, before, family.judged(part.real), part.condition
                ),
                params["discriminator"],
                has_aux=True,
            )
            logits["fake_logits"], pull_fake, judged_both = jax.vjp(
                lambda own, outputs: judge(
                    part.keys["fake"],
                    own,
                    after_real,
                    family.judged(outputs | others),
                    part.condition,
                ),
                params["discriminator"],
                outputs,
                has_aux=True,
            )

        def loss(player: str, own, outputs, logits):
            """A player's loss, and its terms; what it may move are its arguments."""
            used = params | {player: own}
            context = Context(
                outputs=outputs | others,
                real=part.real,
                condition=part.condition,
                **logits,
                generate=lambda condition: generate(
                    used["generator"], statistics["generator"], condition
                )[0],
                judge=lambda judged: judge(
                    part.keys["terms"],
                    used["discriminator"],
                    statistics["discriminator"],
                    judged,
                    part.condition,
                )[0],
                judged=family.judged,
                frozen=part.frozen,
                encoder=family.encoder,
                step=part.step,
                key=part.keys["terms"],
            )
            return losses.weighted_sum(
                config[f"{player}_loss"].to_dict(), family.losses[player], settings, context
            )

        for player in players:
            (total, terms), (direct, to_outputs, to_logits) = jax.value_and_grad(
                functools.partial(loss, player), argnums=(0, 1, 2), has_aux=True
            )(params[player], outputs, logits)
            values = {f"{player}_loss": total}
            values |= {f"{player}_{name}": value for name, value in terms.items()}
            if player == "generator":
                if pull_fake:
                    through = pull_fake(to_logits["fake_logits"])[1]
                    to_outputs = jax.tree.map(jnp.add, to_outputs, through)
                gradient = pull_generator(to_outputs)[0]
                found[player] = _sum(direct, gradient), moved, values
            else:
                values |= _accuracies(config, **logits)
                gradient = pull_real(to_logits["real_logits"])[0]
                gradient = _sum(gradient, pull_fake(to_logits["fake_logits"])[0])
                found[player] = _sum(direct, gradient), judged_both, values
        return found

    return gradients


def logged_names(config: ml_collections.ConfigDict) -> list[str]:
    """The names of the values that the gradients of this config come with."""
    names = [
        name
        for player in ("generator", "discriminator")
        if config[f"{player}_loss"]
        for name in (f"{player}_loss", *(f"{player}_{term}" for term in config[f"{player}_loss"]))
    ]
    accuracies = ["real_accuracy", "fake_accuracy"]
    return names + (accuracies if "adversarial" in config.discriminator_loss else [])


def floats_as(dtype: Any, tree: Any) -> Any:
    """The tree with its floating-point leaves in another dtype."""

    def cast(leaf):
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)


def _kept(config, name: str, before: Mapping[str, Any], moved: Mapping[str, Any]):
    """The moved statistics, but for those of parts that `config.freeze` names."""

    def keep(collection: str, tree: Any) -> Any:
        frozen = frozen_parts(config, name, tree)
        if frozen is None:
            return tree
        return jax.tree.map(
            lambda stays, old, new: old if stays else new, frozen, before[collection], tree
        )

    return {collection: keep(collection, tree) for collection, tree in moved.items()}


def _split(outputs: Batch) -> tuple[Batch, Batch]:
    """The outputs that a gradient can flow through, and those of integers."""
    floats = {n: x for n, x in outputs.items() if jnp.issubdtype(x.dtype, jnp.floating)}
    return floats, {name: x for name, x in outputs.items() if name not in floats}


def _accuracies(config, real_logits: Batch, fake_logits: Batch) -> dict[str, jax.Array]:
    if "adversarial" not in config.discriminator_loss:
        return {}
    return {
        "real_accuracy": _mean([head > 0 for head in losses.real_fake(real_logits)]),
        "fake_accuracy": _mean([head < 0 for head in losses.real_fake(fake_logits)]),
    }


def _sum(a: Any, b: Any) -> Any:
    return jax.tree.map(jnp.add, a, b)


def _mean(heads: list[jax.Array]) -> jax.Array:
    return jnp.concatenate([head.reshape(-1) for head in heads]).mean()
