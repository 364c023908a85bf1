"""Finds faces and their 68 landmarks with dlib, which the extra `[faces]` installs."""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from fevgan_jax.runtime.errors import UserError

# Choice: on 30 portraits and skimage's pictures without people, faces scored 1.2 and more, other
# detections 0.12 and less.
_SURE = 0.5
# The side of dlib's detection window: no smaller face is found.
_SMALLEST = 80
# Degrees by which a face is tilted that dlib's templates (front, left, right, front turned to
# either side) find. Measured: the turned ones find faces of 20 to 40 degrees.
_TILTS = (0.0, 0.0, 0.0, -30.0, 30.0)


class Found(NamedTuple):
    """A face that dlib found.

    Attributes:
      score: dlib's, above 0.5.
      landmarks: float32 `[68, 2]`, (column, row) in pixels; of a face that is tilted by more than
        35 degrees they may be those of an upright one.
      tilt: degrees, clockwise, of the template that found it.
    """

    score: float
    landmarks: np.ndarray
    tilt: float


@functools.cache
def _dlib():
    try:
        import dlib
        import face_recognition_models
    except ModuleNotFoundError as error:
        raise UserError(
            f"finding a face needs the package {error.name}, which is not installed: "
            'run `pip install "fevgan_jax[faces]"`.'
        ) from error
    shape_file = face_recognition_models.pose_predictor_model_location()
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(shape_file)


def landmarks(image: np.ndarray) -> list[np.ndarray]:
    """Finds every upright face of a picture.

    Args:
      image: uint8 `[H, W, 3]`. Faces of 80 pixels and more are found; if there is none, faces of
        40 pixels and more are searched for.

    Returns:
      One float32 `[68, 2]` per face, (column, row) in pixels in iBUG order; the centre of the
      first pixel is (0.5, 0.5). The face of the highest score comes first.

    Raises:
      UserError: dlib or its models are not installed.
    """
    return [face.landmarks for face in scored(image)]


def scored(image: np.ndarray, enlarge: bool = True) -> list[Found]:
    """Finds faces as `landmarks` does, with dlib's scores and tilts.

    Args:
      image: uint8 `[H, W, 3]`.
      enlarge: search for faces of 40 pixels if there is none of 80.

    Returns:
      Each face, the highest score first.
    """
    detector, _ = _dlib()
    image = np.ascontiguousarray(image)  # forced: dlib misreads a view of a larger picture
    boxes, scores, templates = detector.run(image, 0, _SURE)
    if not boxes and enlarge:
        boxes, scores, templates = detector.run(image, 1, _SURE)
    tilts = [_TILTS[templates[i]] for i in np.argsort(scores)[::-1]]
    shapes = _shapes(image, boxes, scores)
    return list(map(Found, sorted(scores, reverse=True), shapes, tilts))


class Finder:
    """dlib as a backend of `track`: detects on a reduced picture, measures at full size."""

    NOTE = "landmarks are found with dlib, whose 68-point file is for non-commercial use only"
    WINDOW = 400  # choice: the error of whole-pixel landmarks is then 0.1 px of a 64 px crop

    def __init__(self):
        self._detector, _ = _dlib()

    def find(self, picture: np.ndarray) -> list[np.ndarray]:
        """Finds faces of a sixth of the picture's longer side and more; if none, smaller ones."""
        return self._find(picture, 1 / 6, _SURE) or self._find(picture, 1 / 16, _SURE)

    def find_close(self, window: np.ndarray) -> list[np.ndarray]:
        """Finds faces of a third of the window, at a lower threshold than `find`."""
        return self._find(window, 1 / 3, 0.0)

    def _find(self, picture, share, sure):
        import dlib

        scale = _SMALLEST / (share * max(picture.shape[:2]))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind)
        boxes, scores, _ = self._detector.run(small, 0, sure)
        large = [
            dlib.rectangle(
                *(
                    round(side / scale)
                    for side in (box.left(), box.top(), box.right(), box.bottom())
                )
            )
            for box in boxes
        ]
        return _shapes(picture, large, scores)


def _shapes(image, boxes, scores):
    """The landmarks in each box, the highest score first."""
    _, predictor = _dlib()
    shapes = [predictor(image, boxes[i]) for i in np.argsort(scores)[::-1]]
    return [
        np.array([(point.x, point.y) for point in shape.parts()], np.float32) + 0.5
        for shape in shapes
    ]
