"""What a pair shows: a person's face and pose in the photo, and in the picture.

The photo shows any expression in any pose. The shares and spreads are choices: photos of real
people smile, speak and look aside, and a driven face makes more than six expressions.
"""

import dataclasses

import numpy as np

import fevgan_jax
from fevgan_jax.tfds_builders.synthetic_faces import expressions, gaze

_KINDS = ("neutral", "preset", "random", "smile", "more")
_PHOTO_SHARES = (0.20, 0.35, 0.20, 0.25, 0.0)
"""A smile has a share of its own: of public portraits nearly half smile or speak."""
_PICTURE_SHARES = (0.15, 0.40, 0.25, 0.0, 0.20)
"""With "more" the photo's expression stays and a little is added, as in a driven face."""
_TONGUE = 0.15
"""Share of the random changes that show the tongue."""
_BLINK, _CLOSED, _WINK = 0.2, 0.5, 0.35
"""Share of the pictures whose eyes blink as well; of these, of closed eyes, and of one alone."""
_DROOP = 0.1
"""Share of the photos whose lids are low."""
_GAZE = 0.4
"""Share of the pictures whose eyes look elsewhere than the photo's."""
_ASIDE = np.array([0.2, 0.12])
"""Standard deviation of the photo's gaze, to the left and up, of 1 for as far as eyes go."""
_SMILE = {
    "mouthSmile": (0.2, 1.2), "cheekSquint": (0.0, 1.0), "eyeSquint": (0.0, 0.6),
    "mouthDimple": (0.0, 0.4),
}  # fmt: skip
_BROAD_SMILE = {"mouthUpperUp": (0.3, 1.4), "mouthLowerDown": (0.3, 1.3), "jawOpen": (0.0, 0.35)}
"""Face unit -> how far it goes in a smile, from and to; more of them in one that shows teeth."""
_BROAD = 0.6
"""Share of the smiles that show teeth."""
_STANCE = np.array([4.0, 8.0, 3.0, 0.15])
"""Standard deviation of the photo's nod, turn and tilt in degrees, and nearness in decimetres."""
_TURN = np.array([2.0, 3.0, 2.0, 0.1])
"""The same of the head's motion from photo to picture that belongs to no preset."""
_UNREST = np.array([0.6, 0.6, 0.6, 0.02])
"""The same of a motion that every picture has."""
_ALL_THE_WAY = 0.6
"""Share of the pictures that show the whole change; the others show a part of it."""


@dataclasses.dataclass(frozen=True)
class Change:
    """What a photo shows and what a picture shows.

    Attributes:
      shown: float32 [52], face units in the photo; `eyeLook` is 0.
      stance: [4], the photo's nod, turn, tilt (degrees) and nearness (decimetres).
      units: float32 [52], face units in the picture; `eyeLook` relative to `gaze`, up to about 1.4.
      turn: [4], the picture's pose relative to `stance`.
      gaze: float32 [52], where the photo's eyes look, as `gaze.look` tells it; 0 is ahead.
      path: the share of a whole change that the picture shows, in (0, 1].
    """

    shown: np.ndarray
    stance: np.ndarray
    units: np.ndarray
    turn: np.ndarray
    gaze: np.ndarray
    path: float = 1.0


def draw(random: np.random.Generator, unit_names: tuple[str, ...]) -> Change:
    """Draws what a pair shows.

    Args:
      random: where the draws come from.
      unit_names: the head model's face units, in its order.
    """
    neutral = np.zeros(len(unit_names), np.float32)
    shown, _ = _expression(random, unit_names, _PHOTO_SHARES, neutral)
    stance = random.normal(0, _STANCE)
    if random.random() < _DROOP:
        _blink(random, unit_names, shown, random.uniform(0.1, 0.6))
    units, turn = _expression(random, unit_names, _PICTURE_SHARES, shown)
    turn = turn + random.normal(0, _UNREST)
    if random.random() < _BLINK:
        closed = random.random() < _CLOSED
        _blink(random, unit_names, units, 1.0 if closed else random.uniform(0.2, 1))
    aside = random.normal(0, _ASIDE)
    if random.random() < _GAZE:
        there = random.uniform(-1, 1), np.clip(random.normal(0, 0.5), -1, 1)
        units += gaze.look(unit_names, *(there - aside))
    path = 1.0 if random.random() < _ALL_THE_WAY else random.uniform(0.15, 1)
    units = shown + np.float32(path) * (units - shown)
    return Change(shown, stance, units, path * turn, gaze.look(unit_names, *aside), path)


def _expression(random, unit_names, shares, before):
    """Draws face units [52] and the head's motion [4] of one of the kinds, after `before` [52]."""
    kind = random.choice(_KINDS, p=shares)
    if kind == "more":
        return np.maximum(before, _some_units(random, unit_names)), np.zeros(4)
    if kind == "neutral":
        return np.zeros(len(unit_names), np.float32), np.zeros(4)
    if kind == "random":
        return _some_units(random, unit_names), random.normal(0, _TURN)
    if kind == "smile":
        return _smile(random, unit_names), random.normal(0, _TURN)
    name = fevgan_jax.EXPRESSIONS[random.integers(len(fevgan_jax.EXPRESSIONS))]
    own = random.normal(1, 0.2, len(unit_names)).clip(0, 2)
    units = expressions.preset(unit_names, name) * random.uniform(0.5, 1.25) * own
    return units.astype(np.float32), np.array(expressions.HEAD[name]) * random.uniform(0, 1.2)


def _some_units(random, unit_names):
    """Draws one to five movements, mostly alike on both sides, and often an open mouth."""
    units = np.zeros(len(unit_names), np.float32)
    for name in random.choice(_movements(unit_names), random.integers(1, 6), replace=False):
        amount = random.uniform(0.2, 1.1) * (0.7 if name == "jawOpen" else 1)
        sides = expressions.sides(unit_names, name)
        if random.random() > 0.7:
            sides = [sides[random.integers(len(sides))]]
        for side in sides:
            units[unit_names.index(side)] = amount
    if random.random() < 0.35:
        units[unit_names.index("jawOpen")] = random.uniform(0.1, 0.8)
    if random.random() < _TONGUE:
        units[unit_names.index("tongueOut")] = random.uniform(0.4, 1.1)
        units[unit_names.index("jawOpen")] = random.uniform(0.1, 0.6)
    # Lips close over a jaw that is open: alone they would go through each other.
    jaw, lips = (unit_names.index(name) for name in ("jawOpen", "mouthClose"))
    units[jaw] = max(units[jaw], units[lips])
    return units


def _movements(unit_names):
    """Names of face units without their sides, but those of gaze, blink and tongue."""
    names = []
    for name in unit_names:
        stem = name.removesuffix("Left").removesuffix("Right")
        if not name.startswith(("eyeLook", "eyeBlink", "tongue")):
            names.append(name if stem in expressions.ASIDE else stem)
    return list(dict.fromkeys(names))


def _blink(random, unit_names, units, amount):
    """Lowers the lids of both eyes, or of one, in `units`."""
    sides = expressions.sides(unit_names, "eyeBlink")
    if random.random() < _WINK:
        sides = [sides[random.integers(2)]]
    for side in sides:
        unit = unit_names.index(side)
        units[unit] = max(units[unit], amount)


def _smile(random, unit_names):
    """Draws a smile: all of its units go further together, each with a strength of its own."""
    units = np.zeros(len(unit_names), np.float32)
    spans = _SMILE | (_BROAD_SMILE if random.random() < _BROAD else {})
    strength = random.uniform(0, 1)
    for name, (low, high) in spans.items():
        share = np.clip(strength + random.normal(0, 0.25), 0, 1)
        for side in expressions.sides(unit_names, name):
            units[unit_names.index(side)] = (low + share * (high - low)) * random.normal(1, 0.1)
    return units
