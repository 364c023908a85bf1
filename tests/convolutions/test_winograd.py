"""Winograd's form: equals XLA's own convolution, in one part and in several."""

import itertools

import jax
import numpy as np
import pytest

from fevgan_jax.convolutions import winograd
from tests import directions

CASES = [
    # batch, big grid's (T, H, W), C_big, C_small, kernel, strides, padding
    (2, (8, 8, 8), 8, 6, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (2, (1, 16, 8), 5, 7, (1, 4, 4), (1, 2, 2), (0, 1, 1)),
    (2, (1, 8, 12), 5, 7, (1, 3, 3), (1, 1, 1), (0, 1, 1)),
    (1, (6, 8, 4), 3, 4, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
    (1, (4, 8, 8), 3, 4, (2, 3, 4), (2, 1, 2), (0, 1, 1)),
    # a kernel that ends inside a block, and a row and a column that no block reaches
    (2, (8, 8, 5), 3, 4, (3, 3, 2), (2, 1, 1), (1, 0, 0)),
    (2, (10, 11, 5), 3, 4, (4, 4, 1), (2, 2, 1), (0, 0, 0)),
]


@pytest.mark.parametrize("part_bytes", [1, 1 << 30], ids=["parts", "whole"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_direction_equals_xlas_own(case, part_bytes, monkeypatch):
    monkeypatch.setattr(winograd, "_PART_BYTES", part_bytes)
    directions.assert_equal_xlas_own(winograd, case)


def test_parts_are_along_the_first_side_that_has_several_tiles(monkeypatch):
    monkeypatch.setattr(winograd, "_PART_BYTES", 1)
    video = (2, (4, 8, 8), 8, (2, 2, 2), (2, 2, 2))
    picture = (2, (1, 8, 8), 8, (1, 3, 3), (1, 1, 1))
    assert winograd._part(*video) == (0, 2)
    assert winograd._part(*picture) == (1, 2)
    whole = 4 * (27 * 2 * 2 * 4 * 4) * (8 * 8)  # bytes of the points of the tiles
    monkeypatch.setattr(winograd, "_PART_BYTES", whole)
    assert winograd._part(*video) == (0, 4)
    monkeypatch.setattr(winograd, "_PART_BYTES", whole - 1)
    assert winograd._part(*video) == (0, 2)
    # two parts would fit, but do not divide three tiles
    longer = (2, (6, 8, 8), *video[2:])
    assert winograd._part(*longer) == (0, 2)


@pytest.mark.parametrize("taps", itertools.product((1, 2, 3), repeat=3), ids=str)
def test_products_of_points_are_the_convolution(taps):
    kernel, big, small = (
        winograd._matrix(matrices, taps)
        for matrices in (winograd._KERNEL, winograd._BIG, winograd._SMALL)
    )
    got = np.einsum("pk,pd,py->kdy", kernel, big, small)
    expected = np.ones((1, 1, 1))
    for of_axis in taps[::-1]:
        outputs = 1 if of_axis == 1 else 2
        one = np.zeros((of_axis, of_axis + outputs - 1, outputs))
        for tap, output in itertools.product(range(of_axis), range(outputs)):
            one[tap, tap + output, output] = 1
        expected = np.kron(expected, one)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("sides", "size", "strides", "channels", "features", "fits"),
    [
        ((4, 8, 8), (4, 4, 4), (2, 2, 2), 32, 64, True),
        ((1, 8, 8), (1, 3, 3), (1, 1, 1), 64, 64, True),
        ((4, 8, 7), (4, 4, 4), (2, 2, 2), 32, 64, False),  # half a tile
        ((4, 8, 8), (4, 4, 4), (2, 2, 2), 3, 64, False),  # few channels
        ((4, 8, 8), (4, 4, 4), (2, 2, 2), 64, 3, False),
        ((4, 8, 8), (1, 1, 1), (1, 1, 1), 64, 64, False),  # nothing to save
        ((4, 8, 8), (5, 5, 5), (1, 1, 1), 64, 64, False),
    ],
)
def test_suits(sides, size, strides, channels, features, fits):
    kernel = jax.ShapeDtypeStruct((*size, channels, features), "float32")
    assert winograd.suits(sides, kernel, strides) == fits
