"""Targets of a face: ARKit's 52 face units, presets, blends, and the course in time.

A target is 56 numbers: the units, then the head's motion: nod (chin down), turn, tilt and nearness,
scaled by `expressions.HEAD_SCALE`. Units are absolute (a neutral face has all of them at 0), but
for `eyeLook`: gaze and head are relative to the photo, so that what does not name them leaves them
alone.
"""

import functools
import math
import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fevgan_jax import EXPRESSIONS
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.names import did_you_mean
from fevgan_jax.tfds_builders.synthetic_faces import expressions

NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight",
    "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft",
    "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The units in the order of a target's first 52 numbers (forced: the head model's order)."""

SIZE = len(NAMES) + 4
"""Length of a target."""

NEUTRAL = "neutral"

_MOST = 10.0
"""The largest amount of a unit or share of a blend (choice: a whole one is 1)."""
_LONGEST = 100
"""Characters of a blend's name."""

WORDS = {
    "angry": "anger", "furious": "anger", "rage": "anger", "cross": "anger",
    "disgusted": "disgust",
    "afraid": "fear", "fearful": "fear", "scared": "fear",
    "happy": "happiness", "joy": "happiness", "joyful": "happiness", "smile": "happiness",
    "smiling": "happiness",
    "sad": "sadness", "unhappy": "sadness",
    "surprised": "surprise", "astonished": "surprise", "amazed": "surprise",
    "calm": NEUTRAL, "relaxed": NEUTRAL, "none": NEUTRAL,
}  # fmt: skip
"""Plain words for the expressions."""

ONSET = (0.04, 0.925, 1.025)
"""Start, end and steepness of the movement (`expressions.onset`; choice: the middle of the rendered
subjects' ranges)."""


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left"


def _partner(name: str) -> str:
    return _other_side(name) if _other_side(name) in NAMES else name


MIRROR = tuple(NAMES.index(_partner(name)) for name in NAMES)
"""For each unit, the index of its mirror image."""

MIRROR_HEAD = np.array([1.0, -1.0, -1.0, 1.0], np.float32)
"""Factors of nod, turn, tilt and nearness under mirroring."""


def mirror(target: np.ndarray) -> np.ndarray:
    """The target `[..., 56]` of the mirrored face."""
    count = len(NAMES)
    return np.concatenate(
        [target[..., list(MIRROR)], target[..., count:] * MIRROR_HEAD], axis=-1
    ).astype(np.float32)


def target(amounts: Mapping[str, float], head: Sequence[float] = (0, 0, 0, 0)) -> np.ndarray:
    """A target from amounts by unit.

    Args:
      amounts: by ARKit name; one without its side (`browDown`) moves both sides.
      head: degrees of nod, turn and tilt, and decimetres towards the camera.

    Returns:
      float32 `[56]`.

    Raises:
      UserError: there is no such unit.
    """
    numbers = np.zeros(SIZE, np.float32)
    for name, amount in amounts.items():
        if name in expressions.ASIDE:
            raise UserError(
                f"the face unit {name!r} goes to one side: write {name}Left or {name}Right."
            )
        for each in expressions.sides(NAMES, name):
            if each not in NAMES:
                raise UserError(
                    f"there is no face unit {name!r}: {did_you_mean(name, _unit_words())}"
                )
            numbers[NAMES.index(each)] += amount
    numbers[len(NAMES) :] = np.asarray(head, np.float32) * expressions.HEAD_SCALE
    return numbers


@functools.cache
def _presets() -> dict[str, np.ndarray]:
    presets = {
        name: target(expressions.UNITS[name], expressions.HEAD[name]) for name in EXPRESSIONS
    }
    return presets | {NEUTRAL: np.zeros(SIZE, np.float32)}


def preset(expression: str) -> np.ndarray:
    """The target of one of the six expressions at its apex, or of `neutral`: float32 `[56]`.

    Args:
      expression: its name, or a plain word for it.

    Raises:
      UserError: no expression has that name.
    """
    return _presets()[known(expression)].copy()


def table(names: tuple[str, ...] = EXPRESSIONS) -> np.ndarray:
    """The targets of several expressions, float32 `[N, 56]`."""
    return np.stack([preset(name) for name in names])


def known(word: str, own: Collection[str] = ()) -> str:
    """The expression that a word names.

    Args:
      word: a name, or a plain word for one of the six.
      own: names that are known beside the six and `neutral`.

    Raises:
      UserError: no expression has that name.
    """
    name = word.strip()
    if name in own:
        return name
    name = WORDS.get(name.lower(), name.lower())
    if name not in _presets():
        names = list(dict.fromkeys([*own, *_presets(), *WORDS]))
        raise UserError(f"there is no expression {word!r}: {did_you_mean(word, names)}")
    return name


def parse_expression(
    text: str, own: Mapping[str, np.ndarray] | None = None
) -> tuple[str, np.ndarray]:
    """Parses an expression, or a blend such as `happiness:0.7,surprise:0.3`.

    Args:
      text: one name, or names with their weights.
      own: targets that a model has learnt, by name; they come before the presets of that name.

    Returns:
      A name for use in file names, and the target, float32 `[56]`.

    Raises:
      UserError: a name is unknown, or a weight is missing or not a number.
    """
    presets = _presets() | dict(own or {})
    if ":" not in text:
        name = known(text, presets)
        return name, presets[name].copy()
    parts = {}
    for word, weight in _amounts(text).items():
        name = known(word, presets)
        parts[name] = parts.get(name, 0.0) + weight
    blend = sum(weight * presets[name] for name, weight in parts.items())
    return _label(parts), np.asarray(blend, np.float32)


def parse_units(text: str) -> tuple[str, np.ndarray]:
    """Parses face units such as `jawOpen:0.5,browInnerUp:1`.

    Returns:
      A name for use in file names, and the target, float32 `[56]`.

    Raises:
      UserError: a unit is unknown, or an amount is missing or not a number.
    """
    amounts = _amounts(text)
    return _label(amounts), target(amounts)


def course(num_frames: int, loop: bool = False) -> np.ndarray:
    """The progress of the movement in each frame of a video.

    Args:
      num_frames: frames of the video, at least 2.
      loop: whether it returns to the photo, so that the video can repeat.

    Returns:
      float32 `[num_frames]`, 0 in the first frame and 1 at the apex, which is the last frame, or
      about the middle of a loop.
    """
    if not loop:
        return expressions.onset(num_frames, *ONSET)
    # Choice: onset and offset take a little less than half of the loop each, with a pause between.
    share = np.arange(num_frames) / num_frames
    way = 1.0 - np.abs(2.0 * share - 1.0)
    return np.interp(way, np.linspace(0, 1, 256), expressions.onset(256, *ONSET)).astype(np.float32)


def _unit_words() -> list[str]:
    stems = {name.removesuffix("Left") for name in NAMES if name.endswith("Left")}
    return [*NAMES, *stems.difference(expressions.ASIDE)]


def _amounts(text: str) -> dict[str, float]:
    amounts = {}
    for part in text.split(","):
        name, _, amount = map(str.strip, part.partition(":"))
        try:
            number = float(amount)
        except ValueError:
            number = math.nan
        if not abs(number) <= _MOST:
            raise UserError(
                f"{part.strip()!r} is not a name with an amount of at most {_MOST:g}: write "
                "NAME:NUMBER, several of them with commas between, and names without a number in "
                "a flag of their own."
            )
        amounts[name] = amounts.get(name, 0.0) + number
    return amounts


def _label(amounts: Mapping[str, float]) -> str:
    label = "_".join(f"{name}-{amount:g}" for name, amount in amounts.items())
    if len(label) <= _LONGEST:
        return label
    # No file's name may be much longer, and two long ones may differ at their ends.
    return f"{label[:_LONGEST]}_{zlib.crc32(label.encode()):08x}"
