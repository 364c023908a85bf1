"""Folds of the skin that deepen with the face units that press them: darker lines on the paint.

The mesh is too coarse for them. Places are in decimetres on the average head's front view; places,
widths and shares are choices, set by looking.
"""

import functools

import numba
import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head

UNITS = {
    "frown": {"browDown": 0.8},
    "forehead_middle": {"browInnerUp": 0.7},
    "forehead_side": {"browOuterUp": 0.8},
    "nose": {"noseSneer": 0.9},
    "nasolabial": {"mouthSmile": 0.8, "noseSneer": 0.5, "mouthUpperUp": 0.5, "mouthStretch": 0.3},
    "crows_feet": {"cheekSquint": 0.4, "eyeSquint": 0.4, "mouthSmile": 0.3},
    "under_eye": {"cheekSquint": 0.5, "eyeSquint": 0.3},
    "mouth_corner": {"mouthFrown": 0.7, "mouthShrugLower": 0.3},
    "chin": {"mouthShrugLower": 1.0, "mouthPress": 0.3},
}
"""Fold -> face unit -> how much a unit's 1 deepens it; a unit without a side does so on its own."""
_DARK = np.array([0.24, 0.31, 0.33], np.float32)
"""How much a fold of depth 1 takes of red, green and blue."""


def shares(unit_names: tuple[str, ...], units: np.ndarray) -> np.ndarray:
    """Returns how deep each fold is, float32 [len(UNITS), 2]: the subject's right and left half.

    Args:
      unit_names: the head model's face units, in its order.
      units: [52], how far each goes.
    """
    return np.clip(np.tensordot(_table(unit_names), units, 1), 0, 1.2).astype(np.float32)


def worn(skin: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Returns skin paint with folds, linear colour float32 [H, W, 3].

    Args:
      skin: linear colour float32 [H, W, 3], see `head.PAINT_SCALE`.
      depths: float32 [len(UNITS), 2], depth of each fold on the subject's right and left half.
    """
    return _worn(skin, depths, _folds(), _DARK)


@numba.njit(cache=True, nogil=True)
def _worn(skin, depths, folds, dark):
    height, width, _ = skin.shape
    worn = np.empty_like(skin)
    for row in range(height):
        for column in range(width):
            side = 0 if 2 * column < width else 1
            depth = np.float32(0)
            for fold in range(len(folds)):
                depth += depths[fold, side] * folds[fold, row, column]
            for k in range(3):
                colour = skin[row, column, k] * (1 - depth * dark[k])
                worn[row, column, k] = min(max(colour, np.float32(0)), np.float32(1))
    return worn


@functools.cache
def _table(unit_names):
    """How much each unit deepens each fold on the right and the left, [len(UNITS), 2, 52]."""
    table = np.zeros((len(UNITS), 2, len(unit_names)), np.float32)
    for fold, amounts in enumerate(UNITS.values()):
        for name, amount in amounts.items():
            for side, ending in enumerate(("Right", "Left")):
                unit = name if name in unit_names else name + ending
                table[fold, side, unit_names.index(unit)] = amount
    return table


@functools.cache
def _folds():
    """The picture of each fold at depth 1, float32 [len(UNITS), H, W]: 1 darkest, below 0 ridge."""
    x, y = head.paint_places()
    aside = abs(x)
    drawn = {
        "frown": _fold(aside - 0.05 - 0.1 * (y - 0.5), 0.014) * _between(y, 0.42, 0.60, 0.08),
        "forehead_middle": _brow_lines(aside, y) * _between(aside, -0.25, 0.25, 0.1),
        "forehead_side": _brow_lines(aside, y) * _between(aside, 0.2, 0.48, 0.1),
        "nose": sum(_fold(y - at + 0.25 * aside, 0.014) for at in (0.27, 0.34))
        * _between(aside, -0.10, 0.10),
        "nasolabial": _fold(aside - _nasolabial(y), 0.018) * _between(y, -0.34, 0.0, 0.12),
        "crows_feet": sum(
            _fold(y - 0.32 - slope * (aside - 0.45), 0.010) for slope in (-0.7, -0.1, 0.5)
        )
        * _between(aside, 0.47, 0.62),
        "under_eye": _fold(y - 0.215 - 1.1 * (aside - 0.3) ** 2, 0.016)
        * _between(aside, 0.15, 0.45),
        "mouth_corner": _fold(aside - 0.25 + 0.25 * (y + 0.38), 0.016)
        * _between(y, -0.5, -0.33),
        "chin": _fold(y + 0.495 - 0.8 * aside**2, 0.018) * _between(aside, -0.16, 0.16)
        + 0.5 * np.cos(x * 75) * np.cos(y * 75 + 2 * np.sin(x * 40))
        * np.exp(-((aside / 0.13) ** 2) - ((y + 0.6) / 0.07) ** 2),
    }  # fmt: skip
    return np.stack([drawn[name] for name in UNITS]).astype(np.float32)


def _nasolabial(y):
    """How far aside the fold from nose to mouth lies at height y."""
    down = np.clip(-y / 0.4, 0, 1)
    return 0.155 + 0.16 * down**0.9


def _brow_lines(aside, y):
    return sum(_fold(y - at - 0.035 * np.cos(aside * 8), 0.012) for at in (0.61, 0.68, 0.75))


def _fold(distance, width):
    """A dark line and, on both sides, the ridges beside it."""
    ridges = np.exp(-(((abs(distance) - 2.2 * width) / width) ** 2))
    return np.exp(-((distance / width) ** 2)) - 0.3 * ridges


def _between(value, low, high, soft=0.04):
    """Near 1 from `low` to `high`, 0 beyond."""
    return 1 / (1 + np.exp((low - value) / (soft / 4))) / (1 + np.exp((value - high) / (soft / 4)))
