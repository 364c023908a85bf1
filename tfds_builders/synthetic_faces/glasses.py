"""Glasses: two rims, a bridge and two temples, rigid with the head.

Every head has the vertices; without glasses they lie in one point and nothing is drawn. Lengths are
in decimetres; the numbers are choices, set by looking.
"""

import numpy as np

_AROUND = 28
"""Corners of a rim."""
_RIM = 2 * _AROUND
_BAR = 4
NUM_VERTICES = 2 * _RIM + 3 * _BAR
"""Rim of the subject's right eye, of the left eye, bridge, right temple, left temple."""


def triangles() -> np.ndarray:
    """Returns the triangles [F, 3] of the glasses' own vertices, counter-clockwise from before."""
    corner = np.arange(_AROUND)
    inner, outer = corner, corner + _AROUND
    next_inner, next_outer = np.roll(inner, -1), np.roll(outer, -1)
    rim = np.concatenate(
        [
            np.stack([inner, outer, next_outer], axis=1),
            np.stack([inner, next_outer, next_inner], axis=1),
        ]
    )
    bar = np.array([[0, 1, 2], [0, 2, 3]])
    bars = [bar + 2 * _RIM + _BAR * number for number in range(3)]
    return np.concatenate([rim, rim + _RIM, *bars])


def draw(random: np.random.Generator) -> dict[str, float]:
    """Draws the arguments of `place` that are a matter of taste."""
    return {
        "half_width": random.uniform(0.20, 0.245),
        "half_height": random.uniform(0.13, 0.20),
        "squareness": random.uniform(2.0, 4.5),
        "thickness": random.uniform(0.012, 0.035),
        "drop": random.uniform(0.0, 0.035),
    }


def place(
    skin: np.ndarray,
    eyes: tuple[np.ndarray, np.ndarray],
    half_width: float,
    half_height: float,
    squareness: float,
    thickness: float,
    drop: float,
) -> np.ndarray:
    """Puts glasses on a head.

    Args:
      skin: float32 [S, 3], the head's skin.
      eyes: float32 [E, 3] of each eyeball, the subject's right one first.
      half_width: of a rim.
      half_height: of a rim.
      squareness: 2 for an ellipse, more for a box.
      thickness: of the rim.
      drop: how far the middle of a rim lies below the pupil.

    Returns:
      float32 [NUM_VERTICES, 3].
    """
    centres = np.stack([eye.mean(axis=0) for eye in eyes])
    centres[:, 1] -= drop
    aside, height = abs(skin[:, 0]), skin[:, 1] - centres[:, 1].mean()
    before_eyes = (aside > 0.14) & (aside < 0.5) & (abs(height) < half_height)
    over_nose = (aside < 0.08) & (abs(height - 0.04) < 0.05)
    near = skin[before_eyes, 2].max() + 0.04
    # Rims that meet over the nose would be one.
    half_width = min(half_width, abs(centres[:, 0]).min() - 0.05)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    shape = np.sign(unit) * abs(unit) ** (2 / squareness) * [half_width, half_height]
    outer = shape * (1 + thickness / np.array([half_width, half_height]))
    rims = []
    for centre in centres:
        for outline in (shape, outer):
            rims.append(np.column_stack([centre[:2] + outline, np.full(_AROUND, near)]))
    right, left = centres
    inner = half_width + 0.5 * thickness
    top = right[1] + 0.35 * half_height
    bridge = _bar(
        [right[0] + inner, top, near],
        [left[0] - inner, top, max(near, skin[over_nose, 2].max() + 0.03)],
        0.8 * thickness,
    )
    bridge[:, 2] = bridge[:, 2].max()
    hinge = half_width + thickness
    ears = abs(skin[:, 0]).max() + 0.03
    temples = [
        _bar([-ears, top, -0.3], [right[0] - hinge, top, near], thickness),
        _bar([left[0] + hinge, top, near], [ears, top, -0.3], thickness),
    ]
    return np.concatenate([*rims, bridge, *temples]).astype(np.float32)


def _bar(start, end, thickness):
    """A quadrangle [4, 3] from left to right."""
    up = np.array([0, thickness / 2, 0])
    start, end = np.array(start), np.array(end)
    return np.stack([start - up, end - up, end + up, start + up])
