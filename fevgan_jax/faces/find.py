"""Finds the faces of a photo at any rotation, and selects one of them."""

import dataclasses
import math
import os

import cv2
import numpy as np
from absl import logging

from fevgan_jax.faces import detect
from fevgan_jax.runtime.errors import UserError

_LONGEST_SIDE = 1024
"""Photos are searched at this size: it takes a tenth of a second, and landmarks in whole pixels are
accurate enough for crops of 64 or 128 pixels."""

_TURNS = (90, -90, 45, -45, 135, -135, 180)
"""Degrees by which a photo is rotated if no face is upright: dlib finds faces that are tilted by 30
degrees at most."""

_UPRIGHT = 20.0
"""A face tilted by more degrees is measured again on the photo rotated to make it upright (choice:
dlib finds some faces tilted by 45 degrees, but with wrong landmarks)."""

_ASTRAY = 11.0
"""Landmarks whose tilt is more degrees from that of the template that found the face may be those
of an upright face: the template's tilt is used (choice: of 12 portraits, each rotated in steps of 2
degrees up to 50, no face is then measured wrong; with 25 it is one in a hundred)."""


@dataclasses.dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
      landmarks: float32 `[68, 2]`, (column, row) in the photo's pixels, in iBUG order.
    """

    landmarks: np.ndarray

    @property
    def width(self) -> float:
        """Distance between the ends of the jaw line, in pixels, for any tilt."""
        return float(np.linalg.norm(self.landmarks[16] - self.landmarks[0]))

    @property
    def centre(self) -> np.ndarray:
        """(column, row) of the middle of the landmarks."""
        return self.landmarks.mean(0)


def faces(image: np.ndarray) -> list[Face]:
    """Finds every face of a photo, from left to right.

    If none is upright, the photo is rotated, and the rotation with dlib's highest score is used.

    Args:
      image: uint8 `[H, W, 3]`.

    Raises:
      UserError: dlib is not installed.
    """
    # Small photos are enlarged: dlib finds faces of 80 pixels, and measures in whole ones.
    scale = min(2.0, _LONGEST_SIDE / max(image.shape[:2]))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=kind)
    found = detect.scored(small) or _sideways(small, enlarge=False) or _sideways(small)
    found = [_upright(small, face) for face in found]
    # The sides are whole pixels, so that neither is scaled by exactly `scale`.
    back = np.array(image.shape[1::-1]) / small.shape[1::-1]
    there = [Face((landmarks * back).astype(np.float32)) for landmarks in found]
    return sorted(there, key=lambda face: tuple(face.centre))


def choose(there: list[Face], which: str, path: str | os.PathLike) -> list[Face]:
    """Selects faces of a photo; if there are several, logs them.

    Args:
      there: from `faces`.
      which: "largest", "all", or a number from 1, counted from left to right.
      path: the photo's name in messages.

    Raises:
      UserError: there is no face, or none of that number.
    """
    if not there:
        raise UserError(
            f"{path}: no face was found; give a sharp, frontal photo in which the face is large."
        )
    if len(there) > 1:
        logging.info(
            "%s shows %d faces: %s; --face=%s is taken.", path, len(there), _listed(there), which
        )
    if which == "all":
        return there
    if which == "largest":
        return [max(there, key=lambda face: face.width)]
    if which not in map(str, range(1, len(there) + 1)):
        raise UserError(
            f"{path} has no face {which!r}: give --face=largest, --face=all, or the number of one "
            f"of its faces, {_listed(there)}."
        )
    return [there[int(which) - 1]]


def _listed(there: list[Face]) -> str:
    return ", ".join(
        f"{number} ({face.width:.0f} pixels wide, around column {face.centre[0]:.0f}, row "
        f"{face.centre[1]:.0f})"
        for number, face in enumerate(there, 1)
    )


def _sideways(image: np.ndarray, enlarge: bool = True) -> list[detect.Found]:
    """The faces at the rotation with the highest score, measured roughly at half size."""
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    back = np.float32(np.array(image.shape[1::-1]) / half.shape[1::-1])
    turned = [_turned(half, degrees, enlarge) for degrees in _TURNS]
    best = max(turned, key=lambda each: max((face.score for face in each), default=0.0))
    return [face._replace(landmarks=face.landmarks * back) for face in best]


def _upright(image: np.ndarray, face: detect.Found) -> np.ndarray:
    """The landmarks measured on the photo rotated to make the face upright."""
    landmarks = face.landmarks
    right, left = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    tilt = math.degrees(math.atan2(left[1] - right[1], left[0] - right[0]))
    if abs((tilt - face.tilt + 180) % 360 - 180) > _ASTRAY:
        tilt = face.tilt
    if abs(tilt) <= _UPRIGHT:
        return landmarks
    centre, reach = landmarks.mean(0), np.linalg.norm(landmarks[16] - landmarks[0]) / 2
    again = [each.landmarks for each in _turned(image, -tilt)]
    near = [each for each in again if np.linalg.norm(each.mean(0) - centre) < reach]
    return min(near, key=lambda each: np.linalg.norm(each.mean(0) - centre), default=landmarks)


def _turned(image: np.ndarray, degrees: float, enlarge: bool = True) -> list[detect.Found]:
    """The faces of a picture rotated about its middle, with landmarks in the picture's pixels."""
    height, width = image.shape[:2]
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # The canvas holds the whole rotated picture.
    size = np.abs(turn) @ (width, height)
    shift = size / 2 - turn @ (width / 2, height / 2)
    # OpenCV has whole numbers at the centres of pixels.
    at_centres = shift + turn.sum(1) / 2 - 0.5
    around = tuple(math.ceil(side) for side in size)
    upright = cv2.warpAffine(image, np.column_stack([turn, at_centres]), around)
    return [
        detect.Found(score, ((landmarks - shift) @ turn).astype(np.float32), tilt - degrees)
        for score, landmarks, tilt in detect.scored(upright, enlarge)
    ]
