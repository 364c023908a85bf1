"""Random augmentation of rendered pairs, the same for both pictures: mirror, light, colour."""

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from fevgan_jax.faces import units

_MIRRORED = ("photo", "picture", "visible", "mask", "mouth")


def augment(
    batch: Mapping[str, jax.Array],
    keys: jax.Array,
    *,
    mirror: float,
    gamma: tuple[float, float],
    gain: tuple[float, float],
    saturation: tuple[float, float],
    shade: float,
) -> dict[str, jax.Array]:
    """Changes every pair of a batch by itself; its exact answers change with it.

    Args:
      batch: `photo` and `picture` `[B, S, S, 3]` in [-1, 1], `flow`, `visible`, `mask`, `mouth`,
        `tooth`, `units` and `shown`; other features pass.
      keys: PRNG keys `[B]`.
      mirror: how likely left and right change sides.
      gamma: lowest and highest exponent of the brightness in [0, 1].
      gain: lowest and highest factor of each colour channel.
      saturation: lowest and highest factor of the colours' distance from grey.
      shade: the most that a smooth field darkens and brightens parts of the pictures.

    Returns:
      The batch, changed.
    """
    change = functools.partial(
        _change, mirror=mirror, gamma=gamma, gain=gain, saturation=saturation, shade=shade
    )
    return jax.vmap(change)(dict(batch), keys)


def _change(
    pair: Mapping[str, jax.Array], key: jax.Array, *, mirror, gamma, gain, saturation, shade
) -> dict[str, jax.Array]:
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
    # What has a direction or counts from the middle to the right changes its sign.
    signed = {
        name: pair[name][:, ::-1] * jnp.array([-1, 1], pair[name].dtype)
        for name in ("flow", "tooth")
    }
    head = pair["units"][count:] * units.MIRROR_HEAD
    return {
        **pair,
        **flipped,
        **signed,
        "units": jnp.concatenate([pair["units"][:count][order], head]),
        "shown": pair["shown"][order],
    }


def _between(key: jax.Array, ends: tuple[float, float], shape: tuple[int, ...] = ()) -> jax.Array:
    return jax.random.uniform(key, shape, minval=ends[0], maxval=ends[1])
