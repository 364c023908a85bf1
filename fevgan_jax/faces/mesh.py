"""Finds faces and their 68 landmarks with MediaPipe, which the extra `[mediapipe]` installs.

Its face landmarker measures 478 points; its contours (`FaceLandmarksConnections` in its package)
include the eyes, brows, lips and face outline on which iBUG's 68 landmarks are.
"""

import contextlib
import functools
import importlib.util
import io
import itertools
import multiprocessing.util
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from fevgan_jax.recognizers import weights_folder
from fevgan_jax.runtime.errors import UserError

MODEL = "face_landmarker.task"
"""The model file in the weights folder; Apache-2.0."""
_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
_EXPRESSIONS = "face_blendshapes.tflite"
_SOURCE = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    + MODEL
)

# In iBUG's order; right is the person's right. Each is the point of MediaPipe's contours (of the
# whole mesh for the nose) nearest to dlib's landmark in the mean over 60 photographs, restricted to
# mirrored pairs; corners of eyes and inner lips are MediaPipe's corners. In crops of 64 px the two
# differ by 1.6 px on the jaw, 1.3 on the brows, 0.6 on nose and lips and 0.5 on the eyes.
IBUG = (
    *(127, 234, 93, 132, 172, 136, 149, 176, 152, 400, 378, 365, 397, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 195, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)
"""The mesh point used for each of the 68 landmarks."""

_MOST = 4
"""Faces detected at most; a clip may show one."""

_APART = 10**9
"""Milliseconds between windows as told to MediaPipe: after eleven days its smoothing filter, which
would delay an expression, keeps nothing of the window before."""
_LOOKS = 3
"""Passes over a clip's first window. Each starts where the last one found the face; a further pass
would move no landmark by more than 0.05 px of a 64 px crop."""

_OFF = 0.25
"""Distance from the window's centre, as a share of its side, beyond which a followed face is taken
for another person's."""


class Finder:
    """MediaPipe as a backend of `track`.

    Raises:
      UserError: the package or its model file is missing, or the file is not the expected one.
    """

    NOTE = "landmarks are found with MediaPipe"
    WINDOW = None  # MediaPipe reduces its input itself

    def __init__(self):
        _check_package("the tracker mediapipe")
        self._model = _for_landmarks_alone(model_file())
        self._is_new = True

    def find(self, picture: np.ndarray) -> list[np.ndarray]:
        """Finds up to four faces, of a ninth of the picture's longer side and more.

        It starts a clip: the face that `find_close` followed is dropped.
        """
        if not self._is_new:
            self._forget()
        return _to_ibug(self._far(picture), picture)

    def find_close(self, window: np.ndarray) -> list[np.ndarray]:
        """Finds the face that fills half of a window, at a lower threshold than `find`.

        It is followed from the last window, without a detection. If it is lost, up to four faces
        are detected anywhere in the window.
        """
        for _ in range(_LOOKS if self._is_new else 1):
            found = self._close(window)
        self._is_new = False
        if not len(found) or np.abs(found[0].mean(0) - 0.5).max() > _OFF:
            self._forget()
            found = self._far(window)
        return _to_ibug(found, window)

    def _forget(self) -> None:
        self._close(np.zeros((64, 64, 3), np.uint8))
        self._is_new = True

    @functools.cached_property
    def _far(self) -> Callable[[np.ndarray], np.ndarray]:
        return _open(self._model, "IMAGE", num_faces=_MOST, confidence=0.5)

    @functools.cached_property
    def _close(self) -> Callable[[np.ndarray], np.ndarray]:
        return _open(self._model, "VIDEO", num_faces=1, confidence=0.2)


class Reading(NamedTuple):
    """What MediaPipe says of one face.

    Attributes:
      scores: ARKit's units by name, in [0, 1].
      matrix: float `[4, 4]`, from its canonical face (right, up, near, in centimetres) to the
        camera's space, for column vectors; the face is before the camera where nearness is
        negative.
    """

    scores: Mapping[str, float]
    matrix: np.ndarray


def reader(path: str | None = None) -> Callable[[np.ndarray], Reading | None]:
    """Opens the landmarker for face units and poses in the frames of one clip, in their order.

    Args:
      path: the model file; None for the one in the weights folder.

    Returns:
      A function of uint8 `[H, W, 3]` that reads the largest face; None where there is no face.

    Raises:
      UserError: the package or the model file is missing.
    """
    _check_package("reading face units")
    if path and not os.path.isfile(path):
        raise UserError(f"{path}: there is no such model file; check --landmarker.")
    with open(path or model_file(), "rb") as file:
        model = file.read()
    landmarker, times = _landmarker(model, "VIDEO", 1, 0.5, units=True), itertools.count(0, 40)

    def measure(picture):
        result = landmarker.detect_for_video(_to_mediapipe(picture), next(times))
        if not result.face_blendshapes:
            return None
        scores = {each.category_name: each.score for each in result.face_blendshapes[0]}
        return Reading(scores, np.array(result.facial_transformation_matrixes[0]))

    return measure


def _open(
    model: bytes, mode: str, num_faces: int, confidence: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A landmarker: uint8 `[H, W, 3]` to `[N, 478, 2]`, as shares of the sides."""
    landmarker = _landmarker(model, mode, num_faces, confidence)
    times = itertools.count(_APART, _APART)

    def measure(picture):
        image = _to_mediapipe(picture)
        if mode == "VIDEO":
            result = landmarker.detect_for_video(image, next(times))
        else:
            result = landmarker.detect(image)
        return np.array([[(point.x, point.y) for point in face] for face in result.face_landmarks])

    return measure


def _landmarker(model: bytes, mode: str, num_faces: int, confidence: float, units: bool = False):
    with _without_tensorflow():
        from mediapipe.tasks.python import BaseOptions, vision
    options = vision.FaceLandmarkerOptions(
        BaseOptions(model_asset_buffer=model),
        running_mode=vision.RunningMode[mode],
        num_faces=num_faces,
        min_face_detection_confidence=confidence,
        min_face_presence_confidence=confidence,
        min_tracking_confidence=confidence,
        output_face_blendshapes=units,
        output_facial_transformation_matrixes=units,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)
    # Closed at interpreter exit, it would use threads that have ended.
    multiprocessing.util.Finalize(landmarker, landmarker.close, exitpriority=0)
    return landmarker


def _to_mediapipe(picture: np.ndarray):
    with _without_tensorflow():
        import mediapipe
    return mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(picture))


def _check_package(what: str) -> None:
    if importlib.util.find_spec("mediapipe") is None:
        raise UserError(
            f"{what} needs the package mediapipe, which is not installed: "
            'run `pip install "fevgan_jax[mediapipe]"`.'
        )


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Keeps MediaPipe from importing TensorFlow, which only its documentation decorator uses."""
    there = "tensorflow" in sys.modules
    sys.modules.setdefault("tensorflow", None)
    try:
        yield
    finally:
        if not there:
            del sys.modules["tensorflow"]


def model_file() -> str:
    """Path of the model in the weights folder, its hash checked.

    Raises:
      UserError: it is missing or not the expected file.
    """
    path = weights_folder.locate() / MODEL
    get_it = f"get it with `curl --create-dirs -o {path} {_SOURCE}`"
    if not path.is_file():
        raise UserError(f"MediaPipe's model is not at {path}: {get_it}.")
    if weights_folder.file_sha256(path) != _SHA256:
        raise UserError(f"{path} is not the model the landmarks were chosen for: {get_it}.")
    return str(path)


def _for_landmarks_alone(path: str) -> bytes:
    """The model without its blendshape net, which would always run: a seventh of the time."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(content, "w") as part:
        for name in whole.namelist():
            if name != _EXPRESSIONS:
                part.writestr(name, whole.read(name))
    return content.getvalue()


def _to_ibug(found: np.ndarray, picture: np.ndarray) -> list[np.ndarray]:
    return [(points[list(IBUG)] * picture.shape[1::-1]).astype(np.float32) for points in found]
