"""Paints the skin of one subject: brows, hairline, beard, lash line, blush, freckles.

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
      brow_lift: how much higher than usual brows lie, in decimetres, as all lengths here.
      brow_arch: how much higher their middle lies.
      brow_tilt: how much higher their outer end lies than the inner one.
      brow_width: half of their width.
      brow_density: in [0, 1].
      hairline: height of the hairline.
      hairline_peak: how far the hairline comes down in the middle.
      beard, blush, freckles: in [0, 1], 0 for none.
      seed: decides blotches, freckles and strands of hair.
    """

    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    brow_lift: float
    brow_arch: float
    brow_tilt: float
    brow_width: float
    brow_density: float
    hairline: float
    hairline_peak: float
    beard: float
    blush: float
    freckles: float
    seed: int


def linear(colour: np.ndarray) -> np.ndarray:
    """Turns sRGB in [0, 1] into linear light, float32; a plain power is close enough."""
    return (np.clip(colour, 0, 1) ** 2.2).astype(np.float32)


def skin(traits: Traits) -> np.ndarray:
    """Returns the skin as linear colour in [0, 1], float32 [H, W, 3]; see `head.PAINT_SCALE`."""
    random = np.random.default_rng(traits.seed)
    size = int(head.PAINT_WIDTH * head.PAINT_SCALE), int(head.PAINT_HEIGHT * head.PAINT_SCALE)
    columns = np.arange(size[0]) / head.PAINT_SCALE + head.PAINT_LEFT
    rows = head.PAINT_TOP - np.arange(size[1]) / head.PAINT_SCALE
    x, y = np.meshgrid(columns, rows)
    aside = abs(x)
    colour = np.broadcast_to(traits.skin, (*x.shape, 3)).copy()

    blotches = cv2.GaussianBlur(random.normal(size=x.shape), (0, 0), 14)
    colour *= 1 + 0.035 * (blotches / blotches.std())[..., None]
    cheeks = np.exp(-(((aside - 0.36) / 0.17) ** 2) - ((y - 0.05) / 0.16) ** 2)
    nose = np.exp(-((aside / 0.1) ** 2) - ((y + 0.03) / 0.09) ** 2)
    red = cheeks + 0.6 * nose
    colour *= 1 - traits.blush * red[..., None] * np.array([0.02, 0.16, 0.14])
    if traits.freckles:
        spots = cv2.GaussianBlur((random.random(x.shape) < 0.012).astype(float), (0, 0), 1.3) * 8
        spots = np.clip(spots, 0, 1) * np.exp(-((aside / 0.45) ** 2) - ((y - 0.1) / 0.22) ** 2)
        colour *= 1 - traits.freckles * spots[..., None] * np.array([0.25, 0.38, 0.42])
    sockets = np.exp(-(((aside - 0.3) / 0.17) ** 2) - ((y - 0.32) / 0.09) ** 2)
    colour *= 1 - sockets[..., None] * np.array([0.16, 0.2, 0.18])

    off_mouth = _step(0.08, 0.2, np.hypot(x / 1.4, y + 0.33))
    chin = _step(-0.02, -0.3, y - 0.35 * np.clip(aside - 0.3, 0, 1)) * off_mouth
    moustache = _step(0.26, 0.2, aside) * _step(-0.16, -0.2, y) * _step(-0.235, -0.215, y)
    beard = np.maximum(chin, moustache)
    colour = _over(colour, traits.hair * 0.6 + traits.skin * 0.25, traits.beard * beard)

    along = np.clip((aside - 0.11) / 0.46, 0, 1)
    middle = 0.485 + traits.brow_lift + traits.brow_tilt * (along - 0.5)
    arch = (0.035 + traits.brow_arch) * np.sin(np.pi * np.clip(along, 0, 1) ** 1.2)
    middle = middle + arch - 0.03 * along**3
    width = traits.brow_width * (1.05 - 0.55 * along**1.5)
    brow = np.exp(-(np.clip(abs(y - middle) / width, 0, 3) ** 3))
    brow *= _step(0.085, 0.14, aside) * _step(0.59, 0.5, aside)
    colour = _over(colour, traits.hair * 0.8, traits.brow_density * brow)

    lid = 0.345 + 0.05 * np.clip(1 - ((aside - 0.3) / 0.14) ** 2, 0, 1)
    lash = np.exp(-(((y - lid) / 0.018) ** 2))
    lash = lash * _step(0.155, 0.19, aside) * _step(0.46, 0.42, aside)
    colour = _over(colour, np.array([0.08, 0.05, 0.05]), 0.8 * lash)

    edge = traits.hairline - 0.55 * np.clip(aside - 0.3, 0, 1) ** 1.3 * 1.4
    edge = edge - traits.hairline_peak * np.exp(-((x / 0.1) ** 2))
    strands = cv2.GaussianBlur(random.normal(size=x.shape), (0, 0), sigmaX=1.2, sigmaY=6)
    hair = _step(-0.02, 0.05, y - edge + 0.008 * strands / strands.std())
    streaked = traits.hair[None, None] * (1 + 0.12 * strands / strands.std())[..., None]
    colour = _over(colour, streaked, hair)
    return linear(colour)


def _over(below, colour, cover):
    """Paints colour [..., 3] over what is below [H, W, 3] where cover [H, W] is not 0."""
    return below + (colour - below) * cover[..., None]


def _step(start, end, value):
    """Goes smoothly from 0 at `start` to 1 at `end`, which may be the smaller one."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)
