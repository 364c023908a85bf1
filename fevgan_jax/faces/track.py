"""Follows the one face of a clip: 68 landmarks a frame, from dlib or MediaPipe.

A backend is a module with a class `Finder`; this file chooses the window to search and bridges
frames in which the face is lost.
"""

import importlib
from typing import Protocol

import cv2
import numpy as np

from fevgan_jax.data import timing
from fevgan_jax.runtime.errors import UserError

TRACKERS = {
    "dlib": "fevgan_jax.faces.detect",
    "mediapipe": "fevgan_jax.faces.mesh",
}
"""Backends by name."""
MAX_LOST = 5
"""Consecutive frames without a face that are interpolated; choice: a short failure of the tracker,
a fifth of a second, in which an expression changes steadily."""

_ROOM = 2.2
"""Side of the window in widths of the face's landmarks: the whole head, with room to move."""


class Finder(Protocol):
    """A backend's interface: faces as float32 `[68, 2]`, (column, row) in the picture's pixels.

    Attributes:
      NOTE: a note for the user, logged before clips are prepared.
      WINDOW: side in pixels to which a window is resized; None keeps the picture's scale.
    """

    NOTE: str
    WINDOW: int | None

    def find(self, picture: np.ndarray) -> list[np.ndarray]:
        """Returns every face of uint8 `[H, W, 3]`, of any place and size.

        It starts a clip: a backend drops what it kept of earlier windows.
        """

    def find_close(self, window: np.ndarray) -> list[np.ndarray]:
        """Returns the faces of uint8 `[S, S, 3]`; one is known to fill about half of it.

        Windows come in the order of the clip's frames.
        """


class LostError(UserError):
    """A clip in which one face cannot be followed; the message says why."""


def finder(name: str) -> Finder:
    """Loads the backend of this name in `TRACKERS`.

    Raises:
      UserError: a package or file that it needs is missing.
    """
    return importlib.import_module(TRACKERS[name]).Finder()


class Track:
    """Follows the face of a clip's first frame through frames given one by one.

    Attributes:
      finder: the backend.
      leading: frames before the first face.
    """

    def __init__(self, finder: Finder):
        self.finder, self.leading = finder, 0
        self._faces: list[np.ndarray | None] = []
        self._last: np.ndarray | None = None

    def add(self, frame: np.ndarray) -> bool:
        """Looks for the face in the next frame.

        Args:
          frame: uint8 `[H, W, 3]`, as large as the others.

        Returns:
          Whether the clip has begun: frames before the first face do not count.

        Raises:
          LostError: the first face comes with others, or no face is found in more than `MAX_LOST`
            frames in a row.
        """
        if not self._faces:
            face = _first(self.finder, frame)
            if face is None:
                self.leading += 1
                if self.leading > MAX_LOST:
                    raise LostError(f"no face was found in its first {self.leading} frames")
                return False
        else:
            face = _next(self.finder, frame, self._last)
        self._faces.append(face)
        self._last = self._last if face is None else face
        if all(each is None for each in self._faces[-MAX_LOST - 1 :]):
            lost = self.leading + len(self._faces) - MAX_LOST - 1
            raise LostError(f"the face is lost from frame {lost} on")
        return True

    @property
    def seen(self) -> list[int]:
        """The frames in which the face was found, counted from the first of them."""
        return [i for i, face in enumerate(self._faces) if face is not None]

    def landmarks(self) -> np.ndarray:
        """The landmarks in every frame so far.

        Returns:
          float32 `[T, 68, 2]`, (column, row) in pixels, the centre of the first pixel at
          (0.5, 0.5). A frame without a face is interpolated between its neighbours; at the end of a
          clip it repeats the last face.
        """
        seen = self.seen
        places = np.interp(np.arange(len(self._faces)), seen, np.arange(len(seen)))
        return timing.sample(np.stack([self._faces[i] for i in seen]), places)


def _first(finder: Finder, frame: np.ndarray) -> np.ndarray | None:
    """The one face of a whole frame, measured in a window as in the later frames."""
    faces = finder.find(frame)
    if not faces:
        return None
    if len(faces) > 1:
        raise LostError(f"its first frame shows {len(faces)} faces")
    closer = _next(finder, frame, faces[0])
    return faces[0] if closer is None else closer


def _next(finder: Finder, frame: np.ndarray, last: np.ndarray) -> np.ndarray | None:
    """The face nearest to its last position, searched for in a window around it."""
    centre, width = last.mean(0), np.ptp(last[:, 0])
    side = max(round(float(width) * _ROOM), 2)
    corner = np.round(centre - side / 2).astype(int)
    window, scale = _cut(frame, corner, side), 1.0
    if finder.WINDOW:
        scale = finder.WINDOW / side
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        window = cv2.resize(window, (finder.WINDOW, finder.WINDOW), interpolation=kind)
    found = [
        face / np.float32(scale) + corner.astype(np.float32) for face in finder.find_close(window)
    ]
    near = [face for face in found if np.linalg.norm(face.mean(0) - centre) < width / 2]
    return min(near, key=lambda face: np.linalg.norm(face.mean(0) - centre), default=None)


def _cut(frame: np.ndarray, corner: np.ndarray, side: int) -> np.ndarray:
    """A square `[side, side, 3]` of a frame; pixels outside the frame are black."""
    low = np.maximum(corner, 0)
    high = np.clip(corner + side, low, frame.shape[1::-1])
    inside = frame[low[1] : high[1], low[0] : high[0]]
    square = np.zeros((side, side, 3), np.uint8)
    left, top = low - corner
    square[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return square
