"""Brings paint into a photo's light: the model knows the light of rendered heads alone."""

import numpy as np

_BRIGHTEST = 97
"""Percentile of pixels, channel by channel, that stands for the brightest."""
_FAIR_SKIN = np.float32([0.85, 0.76, 0.72])
"""The brightest skin of a fair face in white light, sRGB (choice: as in studio portraits)."""
_DARK_SKIN = 1.6
"""How much brighter than its skin, in units of fair skin, a photo's light may be (choice: so much
that teeth of a dark face are white in studio portraits)."""
_TEETH = np.float32([1.0, 0.942, 0.903])
"""Teeth in white light (choice: the median of 16 smiling people in studio portraits)."""
_BRIGHT = 0.8
"""How much of its hue white paint gives for that of teeth (choice, by eye: what is bright is teeth,
and those painted are grey beside a photo's skin)."""
_DARKEST = 0.3
"""Brightness, as a share of white, below which paint gets no warmer (choice, by eye)."""


def white(picture: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """What white looks like in a photo's light, float32 `[3]` in [0, 1].

    Channel by channel the brightest of the photo, or what fair skin would make of this face
    (choice: either may have nothing that is bright in one of the channels). A window behind a face
    in the shade tells the colour of the light, but not its brightness.

    Args:
      picture: uint8 `[H, W, 3]`.
      skin: pixels of the face, uint8 `[N, 3]`.
    """
    by_skin = np.percentile(skin, _BRIGHTEST, axis=0) / _FAIR_SKIN
    by_photo = np.percentile(picture[::4, ::4].reshape(-1, 3), _BRIGHTEST, axis=0)
    by_photo *= min(1, _DARK_SKIN * by_skin.max() / max(by_photo.max(), 1))
    return np.float32(np.maximum(by_skin, by_photo).clip(0, 255) / 255)


def lit(colour: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Paint as a photo shows it, float32 `[..., 3]` in [0, 255].

    It has the colour of the light, and nothing is brighter than white. The brighter, the more it
    has the hue of teeth in place of its own, and the darker, the warmer: in a mouth's shade light
    has been reflected more often, and loses some blue each time (choice: the renderer has no such
    light, and its dark teeth look blue beside a photo's skin).

    Args:
      colour: `[..., 3]` in [-1, 1].
      white: `[3]` in [0, 1].
    """
    own = (colour + 1) / 2
    grey = own.mean(-1, keepdims=True)
    own += (grey * _TEETH / _TEETH.mean() - own) * _BRIGHT * grey
    own *= _TEETH ** (1 / own.max(-1, keepdims=True).clip(_DARKEST, 1) - 1)
    return 255 * np.minimum(own * white / white.max(), white)
