"""Draws painted teeth one by one, at a photo's resolution.

Paint is as coarse as the crop, and a row of teeth in it is one light band. The model knows which
place of which tooth a pixel shows; edges and gaps follow from that at any size.
"""

from typing import NamedTuple

import cv2
import numpy as np

from fevgan_jax.animation.ramp import ramp

_BLUR = 1.5
"""Standard deviation, in the crop's pixels, of the blur of coarse paint (choice: as the network's
paint looks)."""
_SURE = np.float32(1e-3)
"""Weight of a pixel's own colour where no teeth, or nothing else, is near."""
_EDGE = 0.006
"""Half the width of a tooth's edge, in decimetres (choice: as that of rendered teeth)."""
_ROUND = 0.012
"""How much shorter a tooth is at its sides, in decimetres (choice: as rendered teeth)."""
_SIDES, _GAP = 0.12, 0.45
"""How much darker a tooth is at its sides, and the line between two (choice: as rendered teeth)."""
_GUM = 0.12, 0.132
"""Where gums begin and have hidden all gaps, in decimetres (forced: as rendered teeth)."""


class Layers(NamedTuple):
    """Paint in parts: `rest + (front - behind) * share` is the paint, where `share` is of teeth.

    Attributes:
      rest: float32 `[..., 3]`, the paint without its teeth.
      front: float32 `[..., 3]`, the colour of teeth.
      behind: float32 `[..., 3]`, the colour of what is behind them.
      teeth: float32 `[..., 3]`, as `models.compositing.Fields.teeth` says.
    """

    rest: np.ndarray
    front: np.ndarray
    behind: np.ndarray
    teeth: np.ndarray

    def together(self) -> np.ndarray:
        """The paint, float32 `[..., 3]`, with each tooth drawn as sharp as the layers are large."""
        number, *rows = np.moveaxis(self.teeth, -1, 0)
        across = np.square(2 * (number - np.floor(number)) - 1)
        gum = ramp(np.maximum(*rows), *_GUM)
        bright = (1 - _SIDES * across) * (1 - _GAP * across**4 * (1 - gum))
        share = _seen(self.teeth, _ROUND * across**2)
        return self.rest + (self.front * bright[..., None] - self.behind) * share[..., None]


def part(colour: np.ndarray, paint: np.ndarray, teeth: np.ndarray) -> Layers:
    """Parts coarse paint.

    Args:
      colour: float32 `[S, S, 3]`.
      paint: float32 `[S, S]` in [0, 1], how much of a pixel is painted.
      teeth: float32 `[S, S, 3]`, as `models.compositing.Fields.teeth` says.
    """
    share = _seen(teeth)
    front, behind = (_nearby(colour, paint * where) for where in (share, 1 - share))
    blurred = cv2.GaussianBlur(share, (0, 0), _BLUR)[..., None]
    return Layers(colour - (front - behind) * blurred, front, behind, teeth)


def _seen(teeth: np.ndarray, shorter: np.ndarray | float = 0.0) -> np.ndarray:
    """How much of a pixel is a tooth of either row, in [0, 1]."""
    return ramp(teeth[..., 1:].max(-1) - shorter, -_EDGE, _EDGE)


def _nearby(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The mean of the colours nearby with these weights."""
    weight = np.float32(weight)[..., None]
    total = cv2.GaussianBlur(colour * weight, (0, 0), _BLUR) + _SURE * colour
    return total / (cv2.GaussianBlur(weight, (0, 0), _BLUR)[..., None] + _SURE)
