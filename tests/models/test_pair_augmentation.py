"""Augmentation of pairs: the exact answers stay exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.faces import units
from fevgan_jax.models import compositing, pair_augmentation
from tests.models.test_motion_modes import exact_pair

STILL = {
    "mirror": 0.0,
    "gamma": (1.0, 1.0),
    "gain": (1.0, 1.0),
    "saturation": (1.0, 1.0),
    "shade": 0.0,
}


def keys(count=2):
    return jax.random.split(jax.random.key(0), count)


def test_without_ranges_nothing_changes():
    pair = exact_pair()
    got = pair_augmentation.augment(pair, keys(), **STILL)
    assert got.keys() == pair.keys()
    for name, value in pair.items():
        np.testing.assert_allclose(got[name], value, atol=1e-6, err_msg=name)


def test_a_mirrored_pair_has_the_mirrored_flow_and_units():
    pair = exact_pair()
    got = pair_augmentation.augment(pair, keys(), **STILL | {"mirror": 1.0})
    moved = compositing.warp(pair["photo"], jnp.asarray(pair["flow"], jnp.float32)[:, None])
    again = compositing.warp(got["photo"], jnp.asarray(got["flow"], jnp.float32)[:, None])
    np.testing.assert_allclose(again[:, 0], moved[:, 0, :, ::-1], atol=2e-3)
    for name in ("mask", "mouth"):
        np.testing.assert_array_equal(got[name], pair[name][:, :, ::-1])
    np.testing.assert_array_equal(got["tooth"], pair["tooth"][:, :, ::-1] * [-1, 1])
    left, right = (units.NAMES.index("mouthSmile" + side) for side in ("Left", "Right"))
    np.testing.assert_array_equal(got["units"][:, left], pair["units"][:, right])
    np.testing.assert_array_equal(got["shown"][:, left], pair["shown"][:, right])
    np.testing.assert_array_equal(got["units"][:, 52:], pair["units"][:, 52:] * [1, -1, -1, 1])


@pytest.mark.parametrize(
    "setting", [{"gamma": (0.5, 2.0)}, {"gain": (0.5, 1.5)}, {"saturation": (0, 2)}, {"shade": 0.3}]
)
def test_light_changes_alike_in_both_pictures_and_apart_in_each_pair(setting):
    pair = exact_pair()
    pair["photo"] = pair["picture"] = np.tile(pair["photo"][:1], (2, 1, 1, 1))
    got = pair_augmentation.augment(pair, keys(), **STILL | setting)
    np.testing.assert_array_equal(got["photo"], got["picture"])
    assert np.abs(got["photo"] - pair["photo"]).max() > 0.02
    assert np.abs(got["photo"][0] - got["photo"][1]).max() > 0.02
    assert np.abs(got["photo"]).max() <= 1.0
    np.testing.assert_array_equal(got["flow"], pair["flow"])
