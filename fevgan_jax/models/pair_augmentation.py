"""Random augmentation of rendered pairs, the same for both pictures: mirror, light, colour."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from fevgan_jax.faces import units

_MIRRORED = ("photo", "picture", "visible", "mask")


def augment(batch: Mapping[str, jax.Array], keys: jax.Array, **settings: Any):
    """Augments every pair of a batch separately.

    Args:
      batch: `photo` and `picture` `[B, S, S, 3]` in [-1, 1], `flow`, `visible`, `mask`, `units`
        and `shown`; other features are unchanged.
      keys: PRNG keys `[B]`.
      **settings: keyword arguments of `change`.

    Returns:
      The augmented batch.
    """
    return jax.vmap(lambda row, key: change(row, key, **settings))(dict(batch), keys)


def change(
    pair: Mapping[str, jax.Array],
    key: jax.Array,
    *,
    mirror: float,
    gamma: tuple[float, float],
    gain: tuple[float, float],
    saturation: tuple[float, float],
    shade: float,
) -> dict[str, jax.Array]:
    """Augments one pair, its exact answers included.

    Args:
      pair: features without the batch axis.
      key: a PRNG key.
      mirror: probability of a left-right flip.
      gamma: lowest and highest exponent of the brightness in [0, 1].
      gain: lowest and highest factor of each colour channel.
      saturation: lowest and highest factor of the colours' distance from grey.
      shade: largest amount by which a smooth field darkens and brightens parts of the pictures.

    Returns:
      The augmented features.
    """
    keys = jax.random.split(key, 6)
    mirrored = _mirrored(pair)
    turn = jax.random.uniform(keys[0]) < mirror
    pair = {name: jnp.where(turn, mirrored[name], value) for name, value in pair.items()}
    exponent = _between(keys[1], gamma)
    factors = _between(keys[2], gain, (3,))
    colours = _between(keys[3], saturation)
    side = pair["photo"].shape[0]
    # Nine values, enlarged to a smooth field: light from one side.
    coarse = jax.random.normal(keys[4], (3, 3)) * jax.random.uniform(keys[5], maxval=shade)
    field = 1.0 + jax.image.resize(coarse, (side, side), "cubic")[..., None]

    def relit(picture: jax.Array) -> jax.Array:
        bright = ((picture + 1.0) / 2.0) ** exponent * factors * field
        grey = bright.mean(-1, keepdims=True)
        return 2.0 * jnp.clip(grey + (bright - grey) * colours, 0.0, 1.0) - 1.0

    return pair | {name: relit(pair[name]) for name in ("photo", "picture")}


def _mirrored(pair: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    count = len(units.NAMES)
    order = jnp.array(units.MIRROR)
    flipped = {name: pair[name][:, ::-1] for name in _MIRRORED}
    flow = pair["flow"][:, ::-1] * jnp.array([-1, 1], pair["flow"].dtype)
    head = pair["units"][count:] * units.MIRROR_HEAD
    return {
        **pair,
        **flipped,
        "flow": flow,
        "units": jnp.concatenate([pair["units"][:count][order], head]),
        "shown": pair["shown"][order],
    }


def _between(key: jax.Array, ends: tuple[float, float], shape: tuple[int, ...] = ()) -> jax.Array:
    return jax.random.uniform(key, shape, minval=ends[0], maxval=ends[1])
