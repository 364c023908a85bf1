"""What rounding alone does to a run: the control for comparing two that should be alike."""

import contextlib
from collections.abc import Iterator
from unittest import mock

import jax
import jax.numpy as jnp

from fevgan_jax import train
from fevgan_jax.state import Player


@contextlib.contextmanager
def moved_by_a_bit() -> Iterator[None]:
    """Has `train` start from parameters that are larger by their last bit."""
    init_state = train.init_state

    def moved(*arguments):
        state = init_state(*arguments)
        return state.replace(
            generator=_larger(state.generator), discriminator=_larger(state.discriminator)
        )

    with mock.patch.object(train, "init_state", moved):
        yield


def _larger(player: Player) -> Player:
    params = jax.tree.map(lambda leaf: jnp.nextafter(leaf, jnp.inf), player.params)
    return player.replace(params=params)
