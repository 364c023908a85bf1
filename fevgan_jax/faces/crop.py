"""From a picture with landmarks to the crop that the models know: an aligned face oval on black.

Pixels are counted as in the data sets' landmarks: the centre of the first one is (0.5, 0.5).
"""

import math

import cv2
import numpy as np
from PIL import Image, ImageDraw

# Where synthetic_faces has a neutral face, in shares of the crop's side (means over 200 subjects).
# The chin leaves room below for a dropped jaw.
LAYOUT = {
    "right eye": (0.339, 0.325),
    "left eye": (0.661, 0.325),
    "mouth": (0.500, 0.682),
    "chin": (0.500, 0.890),
}
_LANDMARKS = {
    "right eye": range(36, 42),
    "left eye": range(42, 48),
    "mouth": range(48, 60),
    "chin": range(8, 9),
}
# The oval ends this far above the brows, in heights from nose base to brows: on 30 portraits that
# is, on average, where the ovals of synthetic_faces end.
_FOREHEAD = 0.6
_SUPERSAMPLE = 16


def align(landmarks: np.ndarray, size: int) -> np.ndarray:
    """The similarity transform that brings a neutral face nearest to `LAYOUT` (least squares).

    One transform serves a whole clip, from its first frame: one a frame would make the crop jitter
    and eat the motion.

    Args:
      landmarks: `[68, 2]` in pixels.
      size: Side of the crop.

    Returns:
      float64 `[2, 3]` that maps (column, row, 1) to the crop's (column, row).
    """
    source = np.array([landmarks[list(_LANDMARKS[name])].mean(0) for name in LAYOUT], np.float64)
    target = np.array(list(LAYOUT.values())) * size
    # As complex numbers a similarity is z -> a z + b, and its least squares fit one division.
    source_z, target_z = source @ (1, 1j), target @ (1, 1j)
    centred = source_z - source_z.mean()
    a = np.vdot(centred, target_z) / np.vdot(centred, centred)
    b = target_z.mean() - a * source_z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def move(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Maps points `[..., 2]` by a transform `[2, 3]`."""
    return points @ transform[:, :2].T + transform[:, 2]


def shrink(transform: np.ndarray) -> float:
    """How many of the picture's pixels, along a side, make one of the crop's."""
    return 1 / math.sqrt(np.linalg.det(transform[:, :2]))


def warp(image: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Resamples a picture without aliasing; what lies outside of it is black.

    Args:
      image: uint8 `[H, W, 3]`.
      transform: `[2, 3]` from the picture's pixels to the crop's, a similarity.
      size: Side of the crop.

    Returns:
      uint8 `[size, size, 3]`.
    """
    # Sampling at about the picture's own scale, then means of whole blocks, which make a finer
    # interpolation of no use.
    factor = max(1, math.ceil(shrink(transform)))
    large = transform * factor
    # OpenCV puts whole numbers at the centres of pixels.
    large[:, 2] += large[:, :2].sum(1) / 2 - 0.5
    side = (size * factor, size * factor)
    kind = cv2.INTER_CUBIC if factor == 1 else cv2.INTER_LINEAR
    sampled = cv2.warpAffine(image, large, side, flags=kind)
    return cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)


def oval(landmarks: np.ndarray) -> np.ndarray:
    """The outline of a face: the jaw line, and half an ellipse over the brows.

    Args:
      landmarks: `[68, 2]` in pixels.

    Returns:
      `[N, 2]`, a closed polygon in pixels.
    """
    jaw = landmarks[:17]
    ears = (jaw[0] + jaw[16]) / 2
    brows = landmarks[17:27].mean(0)
    top = brows + _FOREHEAD * (brows - landmarks[33])
    angle = np.linspace(0, np.pi, 32)[1:-1, None]
    forehead = ears + np.cos(angle) * (jaw[16] - ears) + np.sin(angle) * (top - ears)
    return np.concatenate([jaw, forehead])


def coverage(polygon: np.ndarray, size: int) -> np.ndarray:
    """How much of each pixel of a crop lies inside a polygon.

    Args:
      polygon: `[N, 2]` in the crop's pixels.
      size: Side of the crop.

    Returns:
      float32 `[size, size, 1]` in [0, 1].
    """
    large = Image.new("L", (size * _SUPERSAMPLE, size * _SUPERSAMPLE))
    # Pillow puts whole numbers at the centres of pixels.
    corners = polygon * _SUPERSAMPLE - 0.5
    ImageDraw.Draw(large).polygon([tuple(corner) for corner in corners], fill=255)
    return np.asarray(large.reduce(_SUPERSAMPLE), np.float32)[..., None] / 255


def face(image: np.ndarray, landmarks: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Crops one frame to the face oval on black.

    Args:
      image: uint8 `[H, W, 3]`.
      landmarks: `[68, 2]`, the frame's own, in its pixels.
      transform: `[2, 3]` from `align`.
      size: Side of the crop.

    Returns:
      uint8 `[size, size, 3]`.
    """
    inside = coverage(oval(move(landmarks, transform)), size)
    return np.round(warp(image, transform, size) * inside).astype(np.uint8)
