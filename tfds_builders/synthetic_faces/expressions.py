"""What a face does in each expression: EMFACS action units, as ARKit face units, and a head motion.

The action units of each emotion follow EMFACS (Friesen and Ekman, 1983). How far each face unit
goes is a choice, set by looking and by what two nets that were trained on photographs read from
rendered people: beyond 1 where the unit alone is too faint to be seen at 64 pixels.
"""

from collections.abc import Sequence

import numpy as np

HEAD_SCALE = np.array([0.2, 0.2, 0.2, 2.0], np.float32)
"""From degrees of nod (chin down), turn and tilt, and decimetres of nearness, to the four numbers
of a head's motion that models see (choice: about 1 at the apex of an expression, as units are)."""

UNITS = {
    # AU 4+5+7+15+23: brows lowered and knitted, lids tight, lips pressed, corners down.
    "anger": {
        "browDown": 1.65, "noseSneer": 0.2, "eyeSquint": 0.4, "eyeWide": 0.5, "cheekSquint": 0.4,
        "mouthPress": 0.3, "mouthFrown": 1.2, "mouthRollUpper": 0.3, "mouthRollLower": 0.2,
        "mouthShrugLower": 0.2, "mouthStretch": 0.15, "jawForward": 0.5,
    },
    # AU 4+7+9+10+16+17: nose wrinkled, eyes narrowed, upper lip raised, lower lip down, chin up.
    "disgust": {
        "noseSneer": 1.5, "mouthUpperUp": 1.25, "browDown": 0.95, "cheekSquint": 0.4,
        "eyeSquint": 0.5, "eyeBlink": 0.25, "mouthFrown": 0.2, "mouthLowerDown": 0.55,
        "mouthShrugLower": 0.8, "mouthShrugUpper": 0.25, "mouthStretch": 0.2,
    },
    # AU 1+2+4+5+20+26: brows raised and drawn together, eyes wide, mouth stretched.
    "fear": {
        "browInnerUp": 1.5, "browOuterUp": 0.15, "browDown": 0.6, "eyeWide": 1.6,
        "mouthStretch": 1.5, "jawOpen": 0.25, "mouthLowerDown": 0.95, "mouthFrown": 0.3,
    },
    # AU 6+12+25: cheeks raised, mouth corners up, teeth shown.
    "happiness": {
        "mouthSmile": 1.1, "cheekSquint": 1.0, "eyeSquint": 0.6, "mouthUpperUp": 0.7,
        "jawOpen": 0.16, "mouthLowerDown": 0.3, "browOuterUp": 0.2, "mouthDimple": 0.3,
    },
    # AU 1+4+15+17+20: inner brows up, mouth corners down and aside, chin raised, lids heavy.
    "sadness": {
        "browInnerUp": 1.8, "browDown": 0.3, "mouthFrown": 1.2, "mouthShrugLower": 0.35,
        "mouthRollLower": 0.4, "mouthStretch": 0.4, "eyeBlink": 0.3, "eyeSquint": 0.1,
    },
    # AU 1+2+5+26: brows raised, eyes wide, jaw dropped.
    "surprise": {
        "browInnerUp": 1.6, "browOuterUp": 1.5, "eyeWide": 1.4, "jawOpen": 0.68,
        "mouthFunnel": 0.25,
    },
}  # fmt: skip
"""Expression -> face unit -> how far it goes; a unit named without a side moves both alike."""

ASIDE = ("jaw", "mouth")
"""Face units that move to the left or to the right: their two sides are opposites."""

HEAD = {
    "anger": (4.0, 0.0, 0.0, 0.25),
    "disgust": (-2.0, 5.0, 2.0, -0.1),
    "fear": (-3.0, -3.0, 0.0, -0.3),
    "happiness": (-3.0, 0.0, -3.0, 0.0),
    "sadness": (5.0, 2.0, 2.0, -0.1),
    "surprise": (-4.0, 0.0, 0.0, -0.1),
}
"""Head motion that belongs to the expression at its apex: degrees of nod (chin down), turn and
tilt, and decimetres towards the camera. The same for all, so that photo and label tell it."""


def preset(unit_names: Sequence[str], expression: str) -> np.ndarray:
    """Returns how far each face unit goes at the apex at strength 1, float32 [len(unit_names)].

    Args:
      unit_names: the head model's face units, in its order.
      expression: one of `fevgan_jax.EXPRESSIONS`.
    """
    amounts = np.zeros(len(unit_names), np.float32)
    for name, amount in UNITS[expression].items():
        for side in sides(unit_names, name):
            amounts[unit_names.index(side)] = amount
    return amounts


def sides(unit_names: Sequence[str], name: str) -> list[str]:
    """Returns the face units that a name without a side stands for: itself, or left and right."""
    return [name] if name in unit_names else [name + "Left", name + "Right"]


def onset(num_frames: int, start: float, end: float, suddenness: float) -> np.ndarray:
    """Returns how far the movement has come in each frame, float32 [num_frames].

    It is 0 in the first frame and 1 in the last, and never falls.

    Args:
      num_frames: how many frames.
      start: when it starts, in [0, 1] of the clip.
      end: when it is complete, in [0, 1], after `start`.
      suddenness: above 1 it starts late and then hurries.
    """
    time = np.clip((np.linspace(0, 1, num_frames) - start) / (end - start), 0, 1) ** suddenness
    return (time * time * (3 - 2 * time)).astype(np.float32)
