"""Eyes of a rendered person: where they look, and lids that meet."""

from collections.abc import Sequence

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head

_SIDES = ("Right", "Left")
_OPPOSITES = (("eyeLookIn", "eyeLookOut"), ("eyeLookUp", "eyeLookDown"))
_LIDS = (((37, 38), (41, 40)), ((43, 44), (47, 46)))
"""Landmarks in the middle of the upper and the lower lid of each eye, the subject's right first."""
_LOW = 0.3
"""Up to here `eyeBlink` is as far as the head model has it (choice: the most of a preset, so that
lids hang in a pair as in a label's clip)."""


def look(unit_names: Sequence[str], left: float, up: float) -> np.ndarray:
    """Returns face units with which both eyes look aside.

    Args:
      unit_names: the head model's face units, in its order.
      left: how far to the subject's left, in [-1, 1] of what eyes do.
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


def closing(model: head.Model, vertices: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Makes a whole `eyeBlink` close this person's eyes.

    The head model's unit is made for average eyes: lids of narrow ones would overlap, and wide ones
    would stay open.

    Args:
      model: the head model.
      vertices: float32 [V, 3], the neutral head.
      units: float32 [52].

    Returns:
      float32 [52], the same but for `eyeBlink`.
    """
    units = units.copy()
    for side, (upper, lower) in zip(_SIDES, _LIDS, strict=True):
        blink = model.unit_names.index("eyeBlink" + side)

        def gap(points, upper=upper, lower=lower):
            above, below = (points[model.landmarks[list(lid)], 1].mean() for lid in (upper, lower))
            return above - below

        others = units.copy()
        others[blink] = 0
        opening = gap(vertices) + gap(head.displacement(model, others))
        whole = opening / -gap(model.units[blink])
        amount = np.interp(units[blink], (0, _LOW, 1), (0, _LOW, whole))
        units[blink] = min(amount, max(whole, 0))
    return units
