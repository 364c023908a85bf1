"""One subject: everything about a person that an id decides.

Colours are sRGB [3] in [0, 1]. The ranges drawn from are choices: wide enough that people are told
apart at 64 pixels, narrow enough that no face of the first few hundred looks ill.
"""

import dataclasses

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head, paint, render

_SKIN_TONES = np.array([  # light to dark
    [246, 214, 194], [233, 190, 163], [214, 164, 130], [186, 132, 98], [150, 100, 72],
    [120, 78, 56],
]) / 255  # fmt: skip
_HAIR = np.array([  # black, dark brown, brown, red, blond, grey
    [24, 20, 20], [52, 34, 24], [92, 58, 36], [120, 56, 30], [190, 150, 92], [150, 148, 146],
]) / 255  # fmt: skip
_IRIS = np.array([  # dark brown, brown, hazel, blue, green, grey
    [40, 24, 16], [78, 48, 26], [96, 92, 44], [84, 116, 140], [78, 110, 84], [112, 120, 126],
]) / 255  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Subject:
    """What the id of a person decides.

    Attributes:
      vertices: float32 [V, 3], the neutral head, in decimetres.
      paint: colours and light.
      strength: how strongly the person shows expressions, near 1.
      onset: first and last moment of the movement, in [0, 1] of the clip, and how sudden it is.
    """

    vertices: np.ndarray
    paint: render.Paint
    strength: float
    onset: tuple[float, float, float]


def make(subject_id: int) -> Subject:
    """Returns the person with this id, the same in every config."""
    random = np.random.default_rng([7, subject_id])
    model = head.load()
    race = random.dirichlet([0.45, 0.45, 0.6])  # below 1: mostly one, seldom an even mix
    gender = random.beta(0.4, 0.4)
    age = random.beta(0.8, 2.2)
    names = head.free_directions(model)
    amounts = np.clip(random.normal(0, 0.5, len(names)), -1, 1) * head.reach(model, names)
    vertices = head.neutral(model, race, gender, 0.8 * age, dict(zip(names, amounts, strict=True)))

    darkness = race @ [4.3, 1.6, 0.8] + random.normal(0, 0.5)
    darkness = np.clip(darkness, 0, len(_SKIN_TONES) - 1)
    skin = _between(_SKIN_TONES, darkness) * random.uniform(0.975, 1.025, 3)
    african, asian, caucasian = race
    likely = [0.8 * caucasian, 0.4 * caucasian, 0.9 * caucasian, 2 * age**3]
    hair = _pick(random, _HAIR, [0.4 + 5 * african + 4 * asian, 1, *likely])
    hair = hair * random.uniform(0.85, 1.15)
    likely = [0.8 * caucasian, caucasian, 0.7 * caucasian, 0.7 * caucasian]
    iris = _pick(random, _IRIS, [0.5 + 4 * african + 4 * asian, 1, *likely])
    male = gender > 0.5
    rouge = random.uniform(0, 0.35) * (not male)
    lips = skin * [0.90, 0.70, 0.68] * random.uniform(0.92, 1.05)
    lips += rouge * (np.array([0.62, 0.16, 0.22]) - lips)
    traits = paint.Traits(
        skin=skin,
        hair=hair,
        lips=lips,
        brow_lift=random.normal(0, 0.014),
        brow_arch=random.uniform(-0.01, 0.03),
        brow_tilt=random.normal(0, 0.01),
        brow_width=random.uniform(0.022, 0.034) + 0.014 * male * random.random(),
        brow_density=random.uniform(0.65, 0.95),
        hairline=random.uniform(0.72, 0.92) + 0.05 * male,
        hairline_peak=random.normal(0, 0.06),
        beard=max(random.uniform(-0.5, 0.75), 0) * male,
        blush=random.uniform(0.0, 0.5),
        freckles=max(random.uniform(-1.5, 1), 0) * (darkness < 2),
        seed=int(random.integers(1 << 31)),
    )
    colours = render.Paint(
        skin=paint.skin(traits),
        lips=paint.linear(traits.lips),
        iris=1.4 * paint.linear(iris),
        teeth=paint.linear(np.array([0.93, 0.90, 0.84]) * random.uniform(0.93, 1.0)),
        gloss=random.uniform(0.02, 0.07),
        **light(random),
    )
    return Subject(
        vertices=vertices,
        paint=colours,
        strength=random.uniform(0.92, 1.08),
        onset=(random.uniform(0.0, 0.08), random.uniform(0.85, 1.0), random.uniform(0.9, 1.15)),
    )


def light(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws a light: the fields of `render.Paint` that say how a face is lit."""
    across, above = np.radians(random.uniform(-38, 38)), np.radians(random.uniform(12, 40))
    lamp = [np.sin(across) * np.cos(above), np.sin(above), np.cos(across) * np.cos(above)]
    warmth = random.normal(0, 0.04)
    tint = np.array([1 + warmth, 1, 1 - warmth])
    brightness = random.uniform(0.75, 0.95)
    return {
        "light": np.array(lamp, np.float32),
        "lamp": (brightness * tint).astype(np.float32),
        "fill": (random.uniform(0.28, 0.4) * (2 - tint)).astype(np.float32),
    }


def _pick(random: np.random.Generator, colours: np.ndarray, likely: list[float]) -> np.ndarray:
    likely = np.array(likely)
    return colours[random.choice(len(colours), p=likely / likely.sum())]


def _between(table: np.ndarray, place: float) -> np.ndarray:
    """Returns the row [C] of table [N, C] at a place between rows, in [0, N - 1]."""
    low = min(int(place), len(table) - 2)
    return table[low] + (place - low) * (table[low + 1] - table[low])
