"""One subject: everything about a person that an id decides.

Colours are sRGB [3] in [0, 1]. The ranges drawn from are choices: wide enough that people are told
apart at 64 pixels, narrow enough that no face of the first few hundred looks ill.
"""

import dataclasses

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import glasses, head, paint, render, wrinkles

_SKIN_TONES = np.array([  # light to dark
    [246, 214, 194], [233, 190, 163], [214, 164, 130], [186, 132, 98], [150, 100, 72],
    [120, 78, 56], [88, 58, 44],
]) / 255  # fmt: skip
_HAIR = np.array([  # black, dark brown, brown, red, blond, grey
    [24, 20, 20], [52, 34, 24], [92, 58, 36], [120, 56, 30], [190, 150, 92], [150, 148, 146],
]) / 255  # fmt: skip
_LIPSTICK = np.array([  # red, wine, pink, brown
    [158, 41, 56], [104, 24, 40], [198, 92, 104], [128, 66, 56],
]) / 255  # fmt: skip
_EYE_SHADOW = np.array([  # brown, grey, blue, plum, green
    [96, 66, 54], [84, 82, 84], [78, 96, 132], [104, 66, 96], [80, 100, 82],
]) / 255  # fmt: skip
_FRAMES = np.array([  # black, brown, silver, gold, red
    [18, 18, 20], [72, 44, 28], [140, 142, 146], [150, 120, 70], [110, 30, 34],
]) / 255  # fmt: skip
_TEETH = np.array([[246, 242, 232], [226, 214, 184]]) / 255
"""White to yellow."""
_IRIS = np.array([  # dark brown, brown, hazel, blue, green, grey
    [40, 24, 16], [78, 48, 26], [96, 92, 44], [84, 116, 140], [78, 110, 84], [112, 120, 126],
]) / 255  # fmt: skip


_GLASSES = 0.15
"""Share of the people who wear glasses."""
_USUAL = {"mouth-scale-horiz-incr": 0.5, "mouth-lowerlip-volume-incr": -0.3}
"""Directions of shape that do not vary about 0: MakeHuman's mouth is narrow for a photo's."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the id of a person decides.

    Attributes:
      vertices: float32 [V, 3], the neutral head, in decimetres.
      paint: colours and light of the neutral face.
      resting_folds: how deep folds are at rest, in [0, 1].
      folding: how much folds deepen with the units, near 1.
      strength: [52], how strongly the person moves each face unit, near 1.
      onset: first and last moment of the movement, in [0, 1] of the clip, and how sudden it is.
    """

    vertices: np.ndarray
    paint: render.Paint
    resting_folds: float
    folding: float
    strength: np.ndarray
    onset: tuple[float, float, float]

    def painted(self, units: np.ndarray) -> render.Paint:
        """Returns the paint of the face when its face units [52] go that far."""
        depths = wrinkles.shares(head.load().unit_names, units)
        skin = wrinkles.worn(self.paint.skin, self.resting_folds + self.folding * depths)
        return dataclasses.replace(self.paint, skin=skin)


def make(subject_id: int) -> Subject:
    """Returns the person with this id, the same in every config."""
    random = np.random.default_rng([7, subject_id])
    model = head.load()
    race = random.dirichlet([0.45, 0.45, 0.6])  # below 1: mostly one, seldom an even mix
    gender = random.beta(0.4, 0.4)
    age = random.beta(0.8, 1.8)
    names = head.free_directions(model)
    usual = np.array([_USUAL.get(name, 0.0) for name in names])
    amounts = np.clip(random.normal(usual, 0.5), -1, 1) * head.reach(model, names)
    vertices = head.neutral(model, race, gender, 0.8 * age, dict(zip(names, amounts, strict=True)))
    if random.random() < _GLASSES:
        vertices[model.frame] = glasses.place(
            vertices[model.skin], tuple(vertices[eye] for eye in model.eyes), **glasses.draw(random)
        )
    made_up = gender < 0.5 and random.random() < 0.5
    traits, iris = _looks(random, race, gender > 0.5, age, made_up)
    colours = render.Paint(
        skin=paint.skin(traits),
        lips=paint.linear(traits.lips),
        iris=1.4 * paint.linear(iris),
        teeth=paint.linear(_between(_TEETH, random.uniform(0, 1)) * random.uniform(0.92, 1)),
        frame=paint.linear(_FRAMES[random.integers(len(_FRAMES))]),
        gloss=random.uniform(0.02, 0.1),
        **light(random),
    )
    return Subject(
        vertices=vertices,
        paint=colours,
        resting_folds=random.uniform(0, 0.45) * age**1.5,
        folding=random.uniform(0.5, 0.9) + 0.5 * age,
        strength=random.uniform(0.9, 1.1) * random.normal(1, 0.12, len(model.unit_names)).clip(0.7),
        onset=(random.uniform(0.0, 0.08), random.uniform(0.85, 1.0), random.uniform(0.9, 1.15)),
    )


def _looks(random, race, male, age, made_up):
    """Draws what skin and iris [3] of a person look like."""
    african, asian, caucasian = race
    darkness = race @ [4.6, 1.6, 0.8] + random.normal(0, 0.7)
    darkness = np.clip(darkness, 0, len(_SKIN_TONES) - 1)
    skin = _between(_SKIN_TONES, darkness) * random.uniform(0.955, 1.045, 3)
    likely = [0.8 * caucasian, 0.4 * caucasian, 0.9 * caucasian, 2 * age**3]
    hair = _pick(random, _HAIR, [0.4 + 5 * african + 4 * asian, 1, *likely])
    hair = hair * random.uniform(0.85, 1.15)
    likely = [0.8 * caucasian, caucasian, 0.7 * caucasian, 0.7 * caucasian]
    iris = _pick(random, _IRIS, [0.5 + 4 * african + 4 * asian, 1, *likely])
    lips = skin * [0.90, 0.70, 0.68] * random.uniform(0.9, 1.06)
    rouge = random.uniform(0.25, 0.9) * made_up
    lips = lips + rouge * (_LIPSTICK[random.integers(len(_LIPSTICK))] - lips)
    bearded = male and random.random() < 0.5
    traits = paint.Traits(
        skin=skin,
        hair=hair,
        lips=lips,
        brow_colour=hair * random.uniform(0.6, 0.95),
        brow_lift=random.normal(0, 0.016),
        brow_arch=random.uniform(-0.02, 0.035),
        brow_tilt=random.normal(0, 0.014),
        brow_width=random.uniform(0.016, 0.034) + 0.016 * male * random.random(),
        brow_gap=random.normal(0, 0.012),
        brow_density=random.uniform(0.5, 1),
        hairline=random.uniform(0.70, 0.94) + 0.06 * male,
        hairline_peak=random.normal(0, 0.06),
        beard=max(random.uniform(-0.6, 1), 0) * bearded,
        goatee=max(random.uniform(-0.6, 1), 0) * bearded,
        moustache=max(random.uniform(-0.6, 1), 0) * bearded,
        blush=random.uniform(0.0, 0.5 + 0.3 * made_up),
        freckles=max(random.uniform(-1.5, 1), 0) * (darkness < 2),
        liner=random.uniform(0.6, 0.8) + 0.2 * made_up,
        eye_shadow=_EYE_SHADOW[random.integers(len(_EYE_SHADOW))],
        eye_shadow_cover=random.uniform(0.1, 0.6) * made_up,
        moles=random.poisson(0.7),
        seed=int(random.integers(1 << 31)),
    )
    return traits, iris


def light(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws a light: the fields of `render.Paint` that say how a face is lit."""
    across, above = (
        np.radians(np.clip(random.normal(0, 30), -65, 65)),
        np.radians(random.uniform(-5, 50)),
    )
    lamp = [np.sin(across) * np.cos(above), np.sin(above), np.cos(across) * np.cos(above)]
    warmth = random.normal(0, 0.07)
    tint = np.array([1 + warmth, 1, 1 - warmth])
    brightness = random.uniform(0.6, 0.95)
    return {
        "light": np.array(lamp, np.float32),
        "lamp": (brightness * tint).astype(np.float32),
        "fill": (random.uniform(0.25, 0.5) * (2 - tint)).astype(np.float32),
    }


def _pick(random: np.random.Generator, colours: np.ndarray, likely: list[float]) -> np.ndarray:
    likely = np.array(likely)
    return colours[random.choice(len(colours), p=likely / likely.sum())]


def _between(table: np.ndarray, place: float) -> np.ndarray:
    """Returns the row [C] of table [N, C] at a place between rows, in [0, N - 1]."""
    low = min(int(place), len(table) - 2)
    return table[low] + (place - low) * (table[low + 1] - table[low])
