"""Lids of a rendered person that meet when the eyes blink."""

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head

_LIDS = {"Right": ((37, 38), (41, 40)), "Left": ((43, 44), (47, 46))}
"""Landmarks in the middle of the upper and the lower lid of each eye."""
_LOW = 0.3
"""Up to here `eyeBlink` is as far as the head model has it (choice: the most of a preset, so that
lids hang in a pair as in a label's clip)."""


def closing(model: head.Model, vertices: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Makes a whole `eyeBlink` close this person's eyes.

    The head model's unit is made for average eyes: lids of narrow ones would overlap, and wide ones
    would stay open.

    Args:
      model: the head model.
      vertices: float32 [V, 3], the neutral head.
      units: float32 [52].

    Returns:
      float32 [52], the same but for `eyeBlink`, of which less than 0 is 0 and more than 1 is 1.
    """
    units = units.copy()
    for side, (upper, lower) in _LIDS.items():
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
