"""The loss terms, by name: a config gives each its weight, and absent terms are never computed.

A term is a pure function of what one step has computed. A family that needs other terms exports
`GENERATOR_LOSSES` or `DISCRIMINATOR_LOSSES` of the same form.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax

from fevgan_jax import recognizers
from fevgan_jax.training.optimizers import make_schedule

Arrays = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Context:
    """The inputs of a loss term; gradients flow through all that depends on the player.

    Attributes:
      outputs: the generator's outputs, `video` `[B, T, H, W, C]` in [-1, 1] for most families.
      real: the real data they are compared with, by the same names.
      condition: the condition of both networks.
      real_logits: the discriminator's heads on the real data, each `[B, ...]`.
      fake_logits: the same on the outputs.
      generate: `generate(condition) -> outputs` applies the generator again.
      judge: `judge(judged) -> logits` applies the discriminator again.
      judged: `judged(outputs or real)` is the discriminator's input.
      frozen: parameters of the frozen nets, by name.
      encoder: the net and features of `condition["identity"]`; None where there is none.
      step: steps taken so far, int32.
      key: a PRNG key for terms that draw numbers.
    """

    outputs: Arrays = dataclasses.field(default_factory=dict)
    real: Arrays = dataclasses.field(default_factory=dict)
    condition: Arrays = dataclasses.field(default_factory=dict)
    real_logits: Arrays = dataclasses.field(default_factory=dict)
    fake_logits: Arrays = dataclasses.field(default_factory=dict)
    generate: Callable[[Arrays], Arrays] | None = None
    judge: Callable[[Any], Arrays] | None = None
    judged: Callable[[Arrays], Any] | None = None
    frozen: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    encoder: Mapping[str, str] | None = None
    step: jax.Array | int = 0
    key: jax.Array | None = None


def mean_difference(a: jax.Array, b: jax.Array, norm: str) -> jax.Array:
    """Mean over all elements of |a - b| (`norm="l1"`) or (a - b)^2 (`norm="l2"`)."""
    return {"l1": jnp.abs, "l2": jnp.square}[norm](a - b).mean()


def generator_adversarial(context: Context) -> jax.Array:
    """Non-saturating binary cross-entropy, summed over the real/fake heads (choice: stable)."""
    return sum(
        optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)).mean()
        for logits in real_fake(context.fake_logits)
    )


def discriminator_adversarial(context: Context) -> jax.Array:
    """Conditional binary cross-entropy, the real and the fake term added (paper, Algorithm 1)."""
    real = [
        optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)).mean()
        for logits in real_fake(context.real_logits)
    ]
    fake = [
        optax.sigmoid_binary_cross_entropy(logits, jnp.zeros_like(logits)).mean()
        for logits in real_fake(context.fake_logits)
    ]
    return sum(real + fake)


def generator_wasserstein(context: Context) -> jax.Array:
    """Minus the critic's mean score (Arjovsky et al. 2017), summed over the real/fake heads."""
    return -sum(scores.mean() for scores in real_fake(context.fake_logits))


def critic_wasserstein(context: Context) -> jax.Array:
    """The critic's mean score of fakes minus that of real data (Arjovsky et al. 2017)."""
    fake, real = real_fake(context.fake_logits), real_fake(context.real_logits)
    return sum(a.mean() - b.mean() for a, b in zip(fake, real, strict=True))


def gradient_penalty(context: Context) -> jax.Array:
    """(|gradient| - 1)^2 of the scores at random mixtures of real and fake (Gulrajani et al. 2017).

    The gradient's norm is taken over all of a row's inputs to the discriminator.
    """
    real, fake = context.judged(context.real), context.judged(context.outputs)
    rows = len(jax.tree.leaves(real)[0])
    share = jax.random.uniform(context.key, (rows,))

    def mix(a, b):
        t = share.reshape(-1, *[1] * (a.ndim - 1))
        return t * a + (1.0 - t) * b

    def score(seen):
        return sum(scores.sum() for scores in real_fake(context.judge(seen)))

    gradient = jax.grad(score)(jax.tree.map(mix, real, fake))
    squares = sum(jnp.square(leaf).reshape(rows, -1).sum(1) for leaf in jax.tree.leaves(gradient))
    return jnp.square(jnp.sqrt(squares + 1e-12) - 1.0).mean()  # choice: 1e-12, smooth at 0


def generator_category(context: Context) -> jax.Array:
    """Cross-entropy of the head `category` on the fakes, against the label they were made for."""
    return _category(context.fake_logits, context.condition)


def discriminator_category(context: Context) -> jax.Array:
    """Cross-entropy of the head `category` on real data (Odena et al. 2017, without fakes)."""
    return _category(context.real_logits, context.condition)


def _category(logits: Arrays, condition: Arrays) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(
        logits["category"], condition["label"]
    ).mean()


def reconstruction(context: Context, *, norm: str) -> jax.Array:
    """L_rec: the norm of generated minus real video (paper)."""
    return mean_difference(context.outputs["video"], context.real["video"], norm)


def identity(
    context: Context, *, encoder: Mapping[str, str], frames: tuple[int, ...], norm: str
) -> jax.Array:
    """L_id: the norm between E_id of the input image and E_id of generated frames (paper).

    Args:
      context: what the step has computed.
      encoder: the frozen net and its feature maps; not necessarily the generator's own encoder.
      frames: indices of the generated frames that are compared (paper: 4 of 32).
      norm: "l1" or "l2".
    """
    if encoder == context.encoder:
        target = context.condition["identity"]
    else:
        target = recognizers.encode(encoder, context.frozen, context.condition["image"])
    features = _features_of_frames(context.outputs, context, encoder, frames)
    return mean_difference(features, jax.lax.stop_gradient(target)[:, None], norm)


def perceptual(
    context: Context, *, encoder: Mapping[str, str], frames: tuple[int, ...], norm: str
) -> jax.Array:
    """The norm between a frozen net's maps of generated and of real frames (Johnson et al. 2016).

    Choice: maps are at unit scale (`recognizers.feature_maps`), theirs were as large as they come.

    Args:
      context: what the step has computed.
      encoder: the frozen net and its feature maps.
      frames: indices of the frames that are compared; () for all.
      norm: "l1" or "l2".
    """
    generated, real = (
        _features_of_frames(videos, context, encoder, frames)
        for videos in (context.outputs, context.real)
    )
    return mean_difference(generated, real, norm)


def _features_of_frames(videos, context, encoder, frames):
    """A frozen net's `[B, F, h, w, D]` or `[B, F, D]` of F frames of `videos["video"]`."""
    video = videos["video"][:, jnp.array(frames)] if frames else videos["video"]
    features = recognizers.encode(encoder, context.frozen, video.reshape(-1, *video.shape[2:]))
    return features.reshape(*video.shape[:2], *features.shape[1:])


def real_fake(logits: Arrays) -> list[jax.Array]:
    """The heads that decide between real and fake: those whose name starts with `real_fake`.

    Raises:
      ValueError: there is none.
    """
    heads = [head for name, head in sorted(logits.items()) if name.startswith("real_fake")]
    if not heads:
        raise ValueError(
            f"the discriminator has no head whose name starts with 'real_fake' ({sorted(logits)}): "
            "name one so, or leave out the losses that need it."
        )
    return heads


GENERATOR_LOSSES = {
    "adversarial": generator_adversarial,
    "wasserstein": generator_wasserstein,
    "category": generator_category,
    "reconstruction": reconstruction,
    "identity": identity,
    "perceptual": perceptual,
}
DISCRIMINATOR_LOSSES = {
    "adversarial": discriminator_adversarial,
    "wasserstein": critic_wasserstein,
    "category": discriminator_category,
    "gradient_penalty": gradient_penalty,
}


def settings(config: ml_collections.ConfigDict) -> dict[str, dict[str, Any]]:
    """Keyword arguments of the loss terms: the config's sections `<term>_loss`, by term."""
    return {
        name.removesuffix("_loss"): config[name].to_dict()
        for name in config
        if name.endswith("_loss") and name not in ("generator_loss", "discriminator_loss")
    }


def weighted_sum(
    weights: Mapping[str, Any],
    terms: Mapping[str, Callable[..., jax.Array]],
    settings: Mapping[str, Mapping[str, Any]],
    context: Context,
) -> tuple[jax.Array, Arrays]:
    """Adds up the terms that `weights` names.

    Args:
      weights: weight of each term: a number, or an optax schedule of the step in the form that
        `make_schedule` takes.
      terms: the functions, by name.
      settings: keyword arguments of the terms, by name.
      context: the terms' inputs.

    Returns:
      The weighted sum, and each term before its weight.
    """
    values = {name: terms[name](context, **settings.get(name, {})) for name in weights}
    total = sum(_weight(weights[name], context.step) * value for name, value in values.items())
    return total, values


def _weight(weight: float | Mapping[str, Any], step: jax.Array | int) -> float | jax.Array:
    return make_schedule(weight)(step) if isinstance(weight, Mapping) else weight
