"""The loss terms, by name: a config gives each its weight, and absent terms are never computed.

A term is a pure function of what one step has computed. A family that needs its own exports
`GENERATOR_LOSSES` or `DISCRIMINATOR_LOSSES` of the same form beside its modules.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax

from fevgan_jax import recognizers

Logits = dict[str, jax.Array]


@flax.struct.dataclass
class Generated:
    """What a generator's loss term may look at.

    Attributes:
      outputs: the generator's outputs; `video` is `[B, T, H, W, C]` in [-1, 1].
      logits: the discriminator's heads on that video, each `[B, ...]`.
      video: the real video, `[B, T, H, W, C]` in [-1, 1].
      condition: what the generator was given.
      frozen: parameters of the frozen nets, by name.
      encoder: the net and features of `condition["identity"]`; None where there is none.
    """

    outputs: dict[str, jax.Array]
    logits: Logits
    video: jax.Array
    condition: dict[str, jax.Array]
    frozen: dict[str, Any]
    encoder: Mapping[str, str] | None = flax.struct.field(pytree_node=False, default=None)


@flax.struct.dataclass
class Judged:
    """What a discriminator's loss term may look at: its heads on real and generated video."""

    real: Logits
    fake: Logits


def mean_difference(a: jax.Array, b: jax.Array, norm: str) -> jax.Array:
    """Mean over all elements of |a - b| (`norm="l1"`) or (a - b)^2 (`norm="l2"`)."""
    return {"l1": jnp.abs, "l2": jnp.square}[norm](a - b).mean()


def generator_adversarial(generated: Generated) -> jax.Array:
    """Non-saturating binary cross-entropy, summed over the real/fake heads (choice: stable)."""
    return sum(
        optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)).mean()
        for logits in real_fake(generated.logits)
    )


def discriminator_adversarial(judged: Judged) -> jax.Array:
    """Conditional binary cross-entropy, the real and the fake term added (paper, Algorithm 1)."""
    real = [
        optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)).mean()
        for logits in real_fake(judged.real)
    ]
    fake = [
        optax.sigmoid_binary_cross_entropy(logits, jnp.zeros_like(logits)).mean()
        for logits in real_fake(judged.fake)
    ]
    return sum(real + fake)


def reconstruction(generated: Generated, *, norm: str) -> jax.Array:
    """L_rec: the norm of generated minus real video (paper)."""
    return mean_difference(generated.outputs["video"], generated.video, norm)


def identity(
    generated: Generated, *, encoder: Mapping[str, str], frames: tuple[int, ...], norm: str
) -> jax.Array:
    """L_id: the norm between E_id of the input image and E_id of generated frames (paper).

    Args:
      generated: what the step has computed.
      encoder: the frozen net and its feature maps; not necessarily the generator's own encoder.
      frames: indices of the generated frames that are compared; the paper takes 4 of 32.
      norm: "l1" or "l2".
    """
    video = generated.outputs["video"][:, jnp.array(frames)]
    if encoder == generated.encoder:
        target = generated.condition["identity"]
    else:
        target = recognizers.encode(encoder, generated.frozen, generated.condition["image"])
    features = recognizers.encode(encoder, generated.frozen, video.reshape(-1, *video.shape[2:]))
    features = features.reshape(*video.shape[:2], *features.shape[1:])
    return mean_difference(features, jax.lax.stop_gradient(target)[:, None], norm)


def real_fake(logits: Logits) -> list[jax.Array]:
    """The heads that decide between real and fake: those whose name starts with `real_fake`."""
    return [head for name, head in sorted(logits.items()) if name.startswith("real_fake")]


GENERATOR_LOSSES = {
    "adversarial": generator_adversarial,
    "reconstruction": reconstruction,
    "identity": identity,
}
DISCRIMINATOR_LOSSES = {"adversarial": discriminator_adversarial}


def weighted_sum(
    weights: Mapping[str, float],
    terms: Mapping[str, Callable[..., jax.Array]],
    settings: Mapping[str, Mapping[str, Any]],
    seen: Generated | Judged,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Adds up the terms that `weights` names.

    Args:
      weights: weight of each term.
      terms: the functions, by name.
      settings: keyword arguments of the terms that take any, by name.
      seen: what the terms look at.

    Returns:
      The weighted sum, and each term before its weight.
    """
    values = {name: terms[name](seen, **settings.get(name, {})) for name in weights}
    return sum(weights[name] * value for name, value in values.items()), values
