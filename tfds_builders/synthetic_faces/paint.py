"""Paints the skin of one subject: complexion, brows, hairline, beard, make-up.

The paint is the average head's front view, so places are in decimetres on that head. The numbers
are choices, set by looking.
"""

import dataclasses

import cv2
import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head


@dataclasses.dataclass(frozen=True)
class Traits:
    """What a face's paint shows.

    Attributes:
      skin, hair, lips: sRGB [3] in [0, 1].
      brow_colour: sRGB [3] in [0, 1].
      brow_lift: how much higher than usual brows lie, in decimetres, as all lengths here.
      brow_arch: how much higher their middle lies.
      brow_tilt: how much higher their outer end lies than the inner one.
      brow_width: half of their width.
      brow_gap: how much farther apart than usual they begin.
      brow_density: in [0, 1].
      hairline: height of the hairline.
      hairline_peak: how far the hairline comes down in the middle.
      beard, goatee, moustache: hair on the jaw, the chin, the upper lip, in [0, 1], 0 for none.
      blush, freckles: in [0, 1], 0 for none.
      liner: strength of the lash line, in [0, 1].
      eye_shadow: sRGB [3] in [0, 1].
      eye_shadow_cover: how much of the upper lid it covers, in [0, 1].
      moles: how many.
      seed: decides blotches, freckles and strands of hair.
    """

    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    brow_colour: np.ndarray
    brow_lift: float
    brow_arch: float
    brow_tilt: float
    brow_width: float
    brow_gap: float
    brow_density: float
    hairline: float
    hairline_peak: float
    beard: float
    goatee: float
    moustache: float
    blush: float
    freckles: float
    liner: float
    eye_shadow: np.ndarray
    eye_shadow_cover: float
    moles: int
    seed: int


def linear(colour: np.ndarray) -> np.ndarray:
    """Turns sRGB in [0, 1] into linear light, float32; a plain power is close enough."""
    return (np.clip(colour, 0, 1) ** 2.2).astype(np.float32)


def skin(traits: Traits) -> np.ndarray:
    """Returns the skin as linear colour in [0, 1], float32 [H, W, 3]; see `head.PAINT_SCALE`."""
    random = np.random.default_rng(traits.seed)
    x, y = head.paint_places()
    colour = _complexion(traits, random, x, y)
    strands = cv2.GaussianBlur(random.normal(size=x.shape), (0, 0), sigmaX=1.2, sigmaY=6)
    strands /= strands.std()
    for cover, paint in (
        _beard(traits, strands, x, y),
        _eye_shadow(traits, x, y),
        _brow(traits, strands, x, y),
        _liner(traits, x, y),
        _hair(traits, strands, x, y),
    ):
        colour = _over(colour, paint, cover)
    return linear(colour)


def _complexion(traits, random, x, y):
    """Bare skin: blotches, blush, freckles, moles, eye sockets."""
    aside = abs(x)
    colour = np.broadcast_to(traits.skin, (*x.shape, 3)).copy()
    blotches = cv2.GaussianBlur(random.normal(size=x.shape), (0, 0), 14)
    pores = cv2.GaussianBlur(random.normal(size=x.shape), (0, 0), 1.2)
    colour *= 1 + (0.035 * blotches / blotches.std() + 0.012 * pores / pores.std())[..., None]
    cheeks = np.exp(-(((aside - 0.36) / 0.17) ** 2) - ((y - 0.05) / 0.16) ** 2)
    nose = np.exp(-((aside / 0.1) ** 2) - ((y + 0.03) / 0.09) ** 2)
    red = cheeks + 0.6 * nose
    colour *= 1 - traits.blush * red[..., None] * np.array([0.02, 0.16, 0.14])
    if traits.freckles:
        spots = cv2.GaussianBlur((random.random(x.shape) < 0.012).astype(float), (0, 0), 1.3) * 8
        spots = np.clip(spots, 0, 1) * np.exp(-((aside / 0.45) ** 2) - ((y - 0.1) / 0.22) ** 2)
        colour *= 1 - traits.freckles * spots[..., None] * np.array([0.25, 0.38, 0.42])
    for _ in range(traits.moles):
        across, up, radius = random.uniform([-0.55, -0.6, 0.008], [0.55, 0.7, 0.018])
        spot = np.exp(-((np.hypot(x - across, y - up) / radius) ** 4))
        colour *= 1 - spot[..., None] * np.array([0.5, 0.6, 0.6])
    sockets = np.exp(-(((aside - 0.3) / 0.17) ** 2) - ((y - 0.32) / 0.09) ** 2)
    return colour * (1 - sockets[..., None] * np.array([0.16, 0.2, 0.18]))


def _beard(traits, strands, x, y):
    aside = abs(x)
    off_mouth = _step(0.08, 0.2, np.hypot(x / 1.4, y + 0.33))
    jaw = _step(-0.14, -0.36, y - 0.8 * np.clip(aside - 0.25, 0, 1)) * off_mouth
    chin = _step(0.24, 0.16, aside) * _step(-0.44, -0.5, y)
    moustache = _step(0.27, 0.2, aside) * _step(-0.15, -0.19, y) * _step(-0.24, -0.215, y)
    cover = np.max([traits.beard * jaw, traits.goatee * chin, traits.moustache * moustache], axis=0)
    cover = np.clip(cover * (1 + 0.06 * strands), 0, 0.96)
    return cover, traits.hair * 0.7 + traits.skin * 0.15


def _eye_shadow(traits, x, y):
    lid = np.exp(-(((abs(x) - 0.31) / 0.15) ** 4) - ((y - 0.405) / 0.045) ** 2)
    return traits.eye_shadow_cover * lid, traits.eye_shadow


def _brow(traits, strands, x, y):
    aside = abs(x) - traits.brow_gap
    along = np.clip((aside - 0.11) / 0.46, 0, 1)
    middle = 0.485 + traits.brow_lift + traits.brow_tilt * (along - 0.5)
    arch = (0.035 + traits.brow_arch) * np.sin(np.pi * along**1.2)
    middle = middle + arch - 0.03 * along**3
    width = traits.brow_width * (1.05 - 0.55 * along**1.5)
    brow = np.exp(-(np.clip(abs(y - middle) / width, 0, 3) ** 3))
    brow *= _step(0.085, 0.14, aside) * _step(0.59, 0.5, aside)
    return traits.brow_density * brow * np.clip(1 + 0.1 * strands, 0.6, 1), traits.brow_colour


def _liner(traits, x, y):
    aside = abs(x)
    lid = 0.345 + 0.05 * np.clip(1 - ((aside - 0.3) / 0.14) ** 2, 0, 1)
    lash = np.exp(-(((y - lid) / 0.018) ** 2))
    lash = lash * _step(0.155, 0.19, aside) * _step(0.46, 0.42, aside)
    return traits.liner * lash, np.array([0.08, 0.05, 0.05])


def _hair(traits, strands, x, y):
    edge = traits.hairline - 0.55 * np.clip(abs(x) - 0.3, 0, 1) ** 1.3 * 1.4
    edge = edge - traits.hairline_peak * np.exp(-((x / 0.1) ** 2))
    cover = _step(-0.02, 0.05, y - edge + 0.008 * strands)
    return cover, traits.hair * (1 + 0.12 * strands)[..., None]


def _over(below, colour, cover):
    """Paints colour [..., 3] over what is below [H, W, 3] where cover [H, W] is not 0."""
    return below + (colour - below) * cover[..., None]


def _step(start, end, value):
    """Goes smoothly from 0 at `start` to 1 at `end`, which may be the smaller one."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)
