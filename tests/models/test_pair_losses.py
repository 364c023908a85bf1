"""Losses of pairs: least at the exact answers, and asked for where they are known."""

import jax.numpy as jnp
import pytest

from fevgan_jax.models import motion_modes
from fevgan_jax.tfds_builders.synthetic_faces import mouth
from fevgan_jax.training.losses import Context
from tests.models.test_motion_modes import exact_pair


def test_every_loss_is_least_at_the_exact_answer():
    real = motion_modes.real(exact_pair())
    number, distance = jnp.split(jnp.abs(real["tooth"]), 2, axis=-1)
    real["tooth"] = jnp.concatenate([number, distance], axis=-1)
    rows = [jnp.where(real["mouth"] == row, distance, -9.0) for row in (1, 2)]
    best = {
        "teeth": jnp.concatenate([number, *rows], axis=-1),
        "video": real["video"],
        "moved": real["video"],
        "flow": real["flow"],
        "mask": real["hidden"],
        "shown": real["shown"],
    }
    worse = {name: value + 0.3 for name, value in best.items()} | {"mask": 1 - best["mask"]}
    for name, term in motion_modes.GENERATOR_LOSSES.items():
        if name in ("smooth", "strain"):  # where all of a face moves alike, both are zero
            continue
        least = float(term(Context(outputs=best, real=real)))
        assert least == pytest.approx(0.0, abs=2e-3), name
        assert float(term(Context(outputs=worse, real=real))) > least + 0.05, name
    smooth = motion_modes.GENERATOR_LOSSES["smooth"]
    assert float(smooth(Context(outputs={"flow": jnp.ones((1, 1, 4, 4, 2))}))) == 0.0
    slope = jnp.arange(4.0)[:, None, None] * jnp.ones((1, 1, 4, 4, 2))
    assert float(smooth(Context(outputs={"flow": slope}))) == pytest.approx(1.0)


def test_an_error_at_the_eyes_or_the_mouth_weighs_more():
    real = motion_modes.real(exact_pair())
    real["visible"] = jnp.ones_like(real["visible"])
    side = real["visible"].shape[2]

    def of(name, x, y, focus):
        spot = jnp.zeros((1, 1, side, side, 1)).at[:, :, int(y * side), int(x * side)].set(1.0)
        off = {"flow": real["flow"] + spot, "moved": real["video"] + spot}
        term = motion_modes.GENERATOR_LOSSES[name]
        return float(term(Context(outputs=off, real=real), focus=focus))

    for name in ("flow", "moved", "strain"):
        for x, y in ((0.35, 0.32), (0.66, 0.32), (0.51, 0.68)):
            even, focused = (
                of(name, x, y, focus) / of(name, 0.85, 0.95, focus) for focus in (0.0, 8.0)
            )
            assert 0.7 < even < 1.6, name
            assert 4.5 < focused / even < 10, name


def test_teeth_are_asked_for_where_the_mouth_shows_them():
    teeth = motion_modes.GENERATOR_LOSSES["teeth"]
    kinds = mouth.NEITHER, mouth.UPPER, mouth.LOWER, mouth.INSIDE
    seen = jnp.array(kinds).repeat(4).reshape(1, 1, 4, 4, 1)
    real = {"mouth": seen, "tooth": jnp.full((1, 1, 4, 4, 2), 0.1)}
    skin, upper, lower, inside = (seen[..., 0] == kind for kind in kinds)
    right = jnp.stack(
        [
            jnp.where(upper | lower, 0.1, 7.0),
            jnp.where(upper, 0.1, jnp.where(skin, 7.0, -1.0)),
            jnp.where(lower, 0.1, jnp.where(skin | upper, 7.0, -1.0)),
        ],
        axis=-1,
    )

    def of(values):
        return float(teeth(Context(outputs={"teeth": values}, real=real)))

    assert of(right) == pytest.approx(0.0, abs=1e-3)
    for channel, where in (
        (0, upper),
        (0, lower),
        (1, upper),
        (1, inside),
        (2, lower),
        (2, inside),
    ):
        wrong = right.at[..., channel].add(jnp.where(where, 1.2, 0.0))
        assert of(wrong) > 0.05, (channel, where)
    assert of(right.at[..., 0].add(jnp.where(inside | skin, 1.0, 0.0))) == of(right)


def test_strain_is_the_error_of_the_deformation_between_visible_neighbours():
    strain = motion_modes.GENERATOR_LOSSES["strain"]
    still, seen = jnp.zeros((1, 1, 6, 6, 2)), jnp.ones((1, 1, 6, 6, 1))
    real = {"flow": still, "visible": seen}
    assert float(strain(Context(outputs={"flow": still + 0.3}, real=real))) == 0.0
    columns = still + jnp.arange(6.0)[:, None]
    # Half of the pairs of neighbours, those along a row, differ by one.
    assert float(strain(Context(outputs={"flow": columns}, real=real))) == pytest.approx(0.5, 0.01)
    spot = still.at[0, 0, 2, 3].set(1.0)
    assert float(strain(Context(outputs={"flow": spot}, real=real))) > 0.0
    unseen = real | {"visible": seen.at[0, 0, 2, 3].set(0.0)}
    assert float(strain(Context(outputs={"flow": spot}, real=unseen))) == 0.0


def test_a_visible_pixel_and_a_hidden_one_are_told_apart():
    real = motion_modes.real(exact_pair())
    off = {"flow": real["flow"] + real["hidden"], "moved": real["video"] + real["hidden"]}
    off |= {"video": real["video"] + real["visible"]}
    for name in ("flow", "moved", "hidden"):
        term = motion_modes.GENERATOR_LOSSES[name]
        assert float(term(Context(outputs=off, real=real))) == 0.0, name
