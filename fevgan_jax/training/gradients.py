"""Each player's loss on one microbatch, and its gradient."""

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
"""A player's gradient, its updated statistics, and the values that are logged."""


@dataclasses.dataclass(frozen=True)
class Part:
    """One microbatch, ready for both networks.

    Attributes:
      condition: the condition of both networks.
      real: the real data that the outputs are compared with.
      frozen: parameters of the frozen nets, by name.
      step: steps taken so far.
      keys: PRNG keys by use: the generator's pass (`generator`), the discriminator's passes on
        real data (`real`) and on fakes (`fake`), and the loss terms (`terms`).
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
    """Turns features as they are on disk into the networks' inputs.

    Args:
      config: the experiment.
      family: its modules.
      step: steps taken so far.
      frozen: parameters of the frozen nets, by name.
      batch: features `[B, ...]`.
      key: the PRNG key of all random numbers of this microbatch.
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

    One generator forward serves both players. The discriminator is applied to real and generated
    data separately, so that they do not share BatchNorm statistics. Its pass on the generated data
    serves both players: one cotangent is pulled back to its own parameters, the other to the
    outputs. Each player's result holds its own statistics only: the generator's loss never updates
    the discriminator's.

    With `config.compute_dtype` "bfloat16" the players compute in it; parameters, statistics and
    losses stay float32. With `config.remat` activations are not stored for the backward passes but
    computed again.
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
            """A player's loss and its terms; `own`, `outputs` and `logits` are differentiated."""
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
    """The names of the values that this config's gradients are logged with."""
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
    """The updated statistics; those of parts that `config.freeze` names keep their old values."""

    def keep(collection: str, tree: Any) -> Any:
        frozen = frozen_parts(config, name, tree)
        if frozen is None:
            return tree
        return jax.tree.map(
            lambda stays, old, new: old if stays else new, frozen, before[collection], tree
        )

    return {collection: keep(collection, tree) for collection, tree in moved.items()}


def _split(outputs: Batch) -> tuple[Batch, Batch]:
    """The floating-point outputs, which have gradients, and the others."""
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
