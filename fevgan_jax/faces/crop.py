"""From a picture with landmarks to the crop that the models take: an aligned face oval on black.

Pixel coordinates are those of the data sets' landmarks: the first pixel's centre is (0.5, 0.5).
"""

import math

import cv2
import numpy as np
from PIL import Image, ImageDraw

# Position of a neutral face in synthetic_faces, as shares of the crop's side (means over 200
# subjects). The space below the chin is for a dropped jaw.
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
# The oval's top above the brows, as a share of the height from nose base to brows: on 30 portraits
# it is, on average, at the height of synthetic_faces' ovals.
_FOREHEAD = 0.6
_SUPERSAMPLE = 16


def align(landmarks: np.ndarray, size: int) -> np.ndarray:
    """The similarity transform that fits a neutral face to `LAYOUT` (least squares).

    The first frame's transform is used for the whole clip: one transform per frame would make the
    crop jitter and remove head motion.

    Args:
      landmarks: `[68, 2]` in pixels.
      size: Side of the crop.

    Returns:
      float64 `[2, 3]` that maps (column, row, 1) to the crop's (column, row).
    """
    source = np.array([landmarks[list(_LANDMARKS[name])].mean(0) for name in LAYOUT], np.float64)
    target = np.array(list(LAYOUT.values())) * size
    # In complex numbers a similarity is z -> a z + b, and its least-squares fit is one division.
    source_z, target_z = source @ (1, 1j), target @ (1, 1j)
    centred = source_z - source_z.mean()
    a = np.vdot(centred, target_z) / np.vdot(centred, centred)
    b = target_z.mean() - a * source_z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def move(points: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Maps points `[..., 2]` by a transform `[2, 3]`."""
    return points @ transform[:, :2].T + transform[:, 2]


def shrink(transform: np.ndarray) -> float:
    """The picture's pixels, along a side, per pixel of the crop."""
    return 1 / math.sqrt(np.linalg.det(transform[:, :2]))


def warp(image: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """Resamples a picture without aliasing; pixels outside of it are black.

    Args:
      image: uint8 `[H, W, 3]`.
      transform: `[2, 3]` from the picture's pixels to the crop's, a similarity.
      size: Side of the crop.

    Returns:
      uint8 `[size, size, 3]`.
    """
    # Sampled at about the picture's own scale, then averaged over whole blocks; a better
    # interpolation would make no difference after the averaging.
    factor = max(1, math.ceil(shrink(transform)))
    large = transform * factor
    # OpenCV has whole numbers at the centres of pixels.
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
    """The share of each pixel of a crop that is inside a polygon.

    Args:
      polygon: `[N, 2]` in the crop's pixels.
      size: Side of the crop.

    Returns:
      float32 `[size, size, 1]` in [0, 1].
    """
    large = Image.new("L", (size * _SUPERSAMPLE, size * _SUPERSAMPLE))
    # Pillow has whole numbers at the centres of pixels.
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
