"""The form for large grids and few channels: equals XLA's own, in one part and in several."""

import pytest

from fevgan_jax.convolutions import phases
from tests import directions

CASES = [
    # batch, (T, H, W) of the big grid, channels, features, kernel, strides, padding
    (2, (8, 6, 8), 3, 5, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
    (1, (12, 5, 6), 3, 4, (3, 3, 2), (2, 1, 2), (1, 1, 0)),
    (2, (6, 4, 4), 2, 3, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
    # a kernel that ends inside a block, and frames that no block reaches
    (1, (9, 5, 5), 3, 4, (4, 4, 1), (3, 2, 1), (1, 0, 0)),
    (1, (8, 6, 8), 16, 17, (4, 4, 4), (2, 2, 2), (1, 1, 1)),
]


@pytest.mark.parametrize("part_bytes", [1, 1 << 30], ids=["parts", "whole"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_direction_equals_xlas_own(case, part_bytes, monkeypatch):
    monkeypatch.setattr(phases, "_PART_BYTES", part_bytes)
    directions.assert_equal_xlas_own(phases, case)
