"""What pairs show: how often, and how much of it."""

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import changes, gaze, head

NAMES = head.load().unit_names


def drawn(count):
    return [changes.draw(np.random.default_rng(seed), NAMES) for seed in range(count)]


def amounts(units, *names):
    """`[N, len(names)]` of the units `[52]` of N pictures."""
    return np.array(units)[:, [NAMES.index(name) for name in names]]


def test_a_quarter_of_the_photos_smiles_and_many_of_these_show_teeth():
    shown = [change.shown for change in drawn(600)]
    corner, lip = amounts(shown, "mouthSmileLeft", "mouthUpperUpLeft").T
    smiles = corner > 0.4
    assert 0.2 < smiles.mean() < 0.35
    assert (lip[smiles] > 0.3).mean() > 0.4


def test_photos_show_what_the_shares_say():
    all_of_them = drawn(2000)
    assert 0.15 < np.mean([not change.shown.any() for change in all_of_them]) < 0.21
    stances = np.std([change.stance for change in all_of_them], axis=0)
    np.testing.assert_allclose(stances, [4, 8, 3, 0.15], rtol=0.15)
    assert 0.55 < np.mean([change.path == 1 for change in all_of_them]) < 0.65


def test_eyes_blink_wink_and_look_aside_in_pictures():
    units = [change.units for change in drawn(2000)]
    lids = amounts(units, "eyeBlinkLeft", "eyeBlinkRight")
    low, high = lids.min(axis=1), lids.max(axis=1)
    assert 0.04 < (low > 0.9).mean() < 0.1, "both closed"
    assert 0.02 < ((high > 0.6) & (low < 0.4)).mean() < 0.08, "one"
    looks = amounts(units, "eyeLookInLeft", "eyeLookOutLeft").max(axis=1)
    assert 0.35 < (looks > 0).mean() < 0.45
    assert 0.06 < (amounts(units, "tongueOut") > 0).mean() < 0.12


def test_a_jaw_and_a_mouth_go_one_way_at_a_time():
    units = [change.units for change in drawn(2000)]
    for name in ("jaw", "mouth"):
        aside = amounts(units, name + "Left", name + "Right")
        aside = aside[aside.max(axis=1) > 0.2]
        assert len(aside) > 20
        assert (aside.min(axis=1) == 0).mean() > 0.8


def test_lips_close_over_an_open_jaw():
    jaw, lips = amounts([change.units for change in drawn(1000)], "jawOpen", "mouthClose").T
    assert (lips > 0.2).any()
    assert (jaw - lips > -0.02).all()


def test_a_fifth_of_the_pictures_adds_to_what_the_photo_shows():
    moved = [change for change in drawn(1000) if change.shown.any()]
    face = [name for name in NAMES if not name.startswith("eyeLook")]
    more = amounts([change.units - change.shown for change in moved], *face)
    assert 0.17 < (more.min(axis=1) > -1e-6).mean() < 0.3


def test_eyes_look_no_further_than_eyes_do():
    whole = [change for change in drawn(500) if change.path == 1]
    gazes = [gaze.one_way(NAMES, change.gaze + change.units) for change in whole]
    looks = amounts(gazes, *(name for name in NAMES if name.startswith("eyeLook")))
    assert 0.9 < looks.max() < 1.0001


def test_a_blink_opens_no_lid():
    for low, blinked in ((0.5, 0.5), (0.1, 0.2)):
        units = np.zeros(len(NAMES), np.float32)
        lids = [NAMES.index("eyeBlinkLeft"), NAMES.index("eyeBlinkRight")]
        units[lids] = low
        changes._blink(np.random.default_rng(0), NAMES, units, 0.2)  # of both eyes
        np.testing.assert_allclose(units[lids], blinked)
