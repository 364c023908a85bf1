"""A control for comparisons of runs: the effect of rounding alone."""

import contextlib
from collections.abc import Iterator
from unittest import mock

import jax
import jax.numpy as jnp

from fevgan_jax.training import programs
from fevgan_jax.training.state import Player, TrainState


@contextlib.contextmanager
def moved_by_a_bit() -> Iterator[None]:
    """Makes `train` start from parameters that are increased by their last bit."""
    init_state = programs.init_state

    def moved(*arguments):
        return larger_by_a_bit(init_state(*arguments))

    with mock.patch.object(programs, "init_state", moved):
        yield


def larger_by_a_bit(state: TrainState) -> TrainState:
    """A state whose every parameter is the next larger float."""

    def larger(player: Player) -> Player:
        params = jax.tree.map(lambda leaf: jnp.nextafter(leaf, jnp.inf), player.params)
        return player.replace(params=params)

    return state.replace(
        generator=larger(state.generator), discriminator=larger(state.discriminator)
    )
