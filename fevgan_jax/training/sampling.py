"""One pure sampling step, and the keys of its noise."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.models.inputs import to_pixels
from fevgan_jax.training.family import Batch, Family


def make_sample_step(family: Family) -> Callable[[Any, dict[str, Any], Batch, jax.Array], Any]:
    """Builds `sample(variables, frozen, batch, keys) -> uint8 video [B, T, H, W, C]`.

    It uses running averages, so that a photo alone gives the same video as in a batch.

    `batch` holds `photo` uint8 `[B, H, W, C]` and `label` int32 `[B]`, or other features that the
    family's condition needs; a feature may have one row for all, which is then encoded once.
    `keys` `[B]` are one per row, from `clip_keys`.
    """

    def sample(variables, frozen, batch: Batch, keys: jax.Array) -> jax.Array:
        condition = family.condition(family.examples(batch), frozen, keys, 1.0)
        condition = {
            name: jnp.broadcast_to(rows, (len(keys), *rows.shape[1:]))
            for name, rows in condition.items()
        }
        outputs = family.generator.apply(
            variables, condition, train=False, rngs={"params": jax.random.key(0)}
        )
        return to_pixels(family.to_video(outputs, condition))

    return sample


def clip_keys(seed: int, names: Iterable[str], sample: int = 0) -> jax.Array:
    """The PRNG keys `[B]` of clips: functions of seed, name and sample index alone.

    Args:
      seed: seed of the sampling.
      names: unique names of the clips.
      sample: index among the samples of one clip.
    """
    key = jax.random.fold_in(jax.random.key(seed), sample)
    digests = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) for name in names]
    return jax.vmap(lambda digest: jax.random.fold_in(key, digest))(np.array(digests, np.uint32))
