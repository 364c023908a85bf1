"""Where eyes look, in face units."""

from collections.abc import Sequence

import numpy as np

_SIDES = ("Right", "Left")
_OPPOSITES = (("eyeLookIn", "eyeLookOut"), ("eyeLookUp", "eyeLookDown"))


def look(unit_names: Sequence[str], left: float, up: float) -> np.ndarray:
    """Returns face units with which both eyes look aside.

    Args:
      unit_names: the head model's face units, in its order.
      left: how far to the subject's left; 1 is as far as eyes go, and the difference of two gazes
        may be more.
      up: how far up, likewise.

    Returns:
      float32 [52], 0 but for `eyeLook`.
    """
    units = np.zeros(len(unit_names), np.float32)
    for side, inwards in zip(_SIDES, (left, -left), strict=True):
        for (one, other), amount in zip(_OPPOSITES, (inwards, up), strict=True):
            units[unit_names.index(one + side)] = max(amount, 0)
            units[unit_names.index(other + side)] = max(-amount, 0)
    return units


def one_way(unit_names: Sequence[str], units: np.ndarray) -> np.ndarray:
    """Replaces opposite gazes by their difference: of two such units, one is 0.

    Args:
      unit_names: the head model's face units, in its order.
      units: float [..., 52].

    Returns:
      The same but for `eyeLook`, which is nowhere below 0.
    """
    units = units.copy()
    for side in _SIDES:
        for pair in _OPPOSITES:
            one, other = (unit_names.index(name + side) for name in pair)
            amount = units[..., one] - units[..., other]
            units[..., one], units[..., other] = np.maximum(amount, 0), np.maximum(-amount, 0)
    return units
