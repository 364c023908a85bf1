"""Painted teeth: as the paint was where none are known, and with edges and gaps where they are."""

import cv2
import numpy as np
import pytest

from fevgan_jax.animation import teeth

SIDE = 64
TOOTH = 0.078 / 0.03
"""Width of a tooth in the crop's pixels: decimetres of a tooth and of a pixel."""
WHITE, DARK = np.float32([200, 200, 200]), np.float32([30, 10, 10])


def known(size, edge=0.5):
    """Fields at any size of upper teeth whose biting edge is at half of the height."""
    scale = size / SIDE
    rows, columns = (np.indices((size, size)) + 0.5) / scale
    number, upper = (columns - SIDE / 2) / TOOTH, 0.03 * (edge * SIDE - rows)
    return np.float32(np.stack([number, upper, np.full_like(upper, -1)], axis=-1))


def coarse():
    """Paint as a network blurs it: light above the edge, dark below."""
    sharp = np.where((np.arange(SIDE) < SIDE / 2)[:, None, None], WHITE, DARK)
    return cv2.GaussianBlur(np.broadcast_to(sharp, (SIDE, SIDE, 3)).copy(), (0, 0), 1.5)


EVERYWHERE = np.ones((SIDE, SIDE), np.float32)


def drawn(size=SIDE):
    layers = teeth.part(coarse(), EVERYWHERE, known(SIDE))
    larger = [cv2.resize(layer, (size, size), interpolation=cv2.INTER_CUBIC) for layer in layers]
    return teeth.Layers(*larger[:3], known(size)).together()


def test_without_known_teeth_the_paint_stays_as_it_is():
    none = np.zeros((SIDE, SIDE, 3), np.float32)
    none[..., 1:] = -1
    colour = np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32)
    layers = teeth.part(colour, EVERYWHERE, none)
    np.testing.assert_allclose(layers.together(), colour, atol=1e-3)


def test_the_biting_edge_is_sharp_at_any_size():
    large = drawn(8 * SIDE)
    middle_of_a_tooth = round(8 * (SIDE / 2 + TOOTH / 2))
    column = large[:, middle_of_a_tooth, 1]
    steps = [np.abs(np.diff(values)).max() for values in (column, coarse()[:, 0, 1])]
    assert steps[0] > 0.8 * steps[1], "in an eighth of the length"
    edge = 4 * SIDE
    assert column[edge - 8] > 160
    assert column[edge + 8] < 60
    np.testing.assert_allclose(large[-40:].reshape(-1, 3).mean(0), DARK, atol=3)


def test_a_dark_line_parts_two_teeth():
    row = drawn(8 * SIDE)[8 * 30, :, 1]
    lines = [int(8 * (SIDE / 2 + tooth * TOOTH)) for tooth in (-2, -1, 0, 1, 2)]
    middles = [int(8 * (SIDE / 2 + (tooth + 0.5) * TOOTH)) for tooth in (-2, -1, 0, 1)]
    assert (row[lines] < 0.7 * row[middles].min()).all()
    assert row[middles] == pytest.approx(row[middles].mean(), rel=0.1)


def test_gums_have_no_lines():
    row = drawn(8 * SIDE)[8 * 26, :, 1]
    assert row.min() > 0.8 * row.max()
