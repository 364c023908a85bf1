"""Moves the pixels of a photo, at its own resolution, by fields that were predicted small."""

import dataclasses
import functools

import cv2
import numpy as np

from fevgan_jax.animation import light, teeth
from fevgan_jax.animation.model import Frame
from fevgan_jax.animation.ramp import ramp
from fevgan_jax.faces import crop

_FADE_FROM, _FADE_TO = 0.02, 0.16
"""Where the movement begins to fade beyond the face's oval and where it has ended, in shares of the
crop's side (choice: hair and background stay still, and skin is not seen to stretch)."""
_SPREAD = 3 / 64
"""Width of the blur that carries the oval's flow beyond it, in shares of the side."""
_EDGES = slice(36, 42), slice(42, 48), slice(60, 68)
"""The landmarks around the right and the left eye and between the lips (forced: dlib's order)."""
_UPPER_LIP, _LOWER_LIP = [61, 62, 63], [67, 66, 65]
"""The landmarks of the inner edges of both lips, from right to left (forced: dlib's order)."""
_CLOSED, _OPEN = 0.008, 0.02
"""Distance of these edges, in shares of the side, up to which a mouth is closed and from which what
lies between is teeth (choice: closed ones have at most 0.008 in 40 of 60 portraits, and all others
more than 0.017)."""
_STRETCHED, _SHARP = 0.2, 0.5
"""Area of the photo in a pixel of the crop below which eyes and teeth are stretched too far to be
shown, and from which they are shown as they are (choice, by eye)."""
_PAINTED_FROM = 0.12
"""How far inside the face's oval paint has its whole strength, in shares of the crop's side
(choice: what is painted at the edge of what the model was shown would end there with a line)."""
_CONTRAST = 2.5
"""How much steeper the edges of paint are in the photo's pixels than they were in the crop's
(choice, by eye: teeth and lids have edges, and faint paint around a mouth looks like dirt)."""
_ALONG, _ACROSS = 1.2, 0.3
"""Standard deviations, in the crop's pixels, of a blur of paint along and across the mouth (choice:
lips that have just parted are less than a pixel apart, and would have a ragged edge)."""
_STILL = 1e-3
"""Pixels that move by less than this are the photo's own."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A picture and one face in it: all that its frames have in common.

    Attributes:
      picture: uint8 `[H, W, 3]`.
      face: uint8 `[S, S, 3]`, the crop that the model is shown.
      to_crop: `[2, 3]`, from the picture's pixels to the crop's.
      inside: float32 `[S, S]`, 1 where the model's flow is used.
      paintable: float32 `[S, S]` in [0, 1], how much of the paint is used.
      fade: float32 `[S + 2M, S + 2M]` in [0, 1], how much of the movement is left, in the crop and
        M of its pixels around it.
      openings: float32 `[S, S]` in [0, 1], how much of a pixel is between open lids or lips.
    """

    picture: np.ndarray
    face: np.ndarray
    to_crop: np.ndarray
    inside: np.ndarray
    paintable: np.ndarray
    fade: np.ndarray
    openings: np.ndarray

    @functools.cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the picture in which anything may change."""
        margin = self._margin
        rows, columns = (places - margin for places in np.nonzero(self.fade))
        # One pixel of the crop more: the fields are interpolated.
        low = np.array([columns.min(), rows.min()]) - 1
        high = np.array([columns.max(), rows.max()]) + 2
        corners = np.array([(x, y) for x in (low[0], high[0]) for y in (low[1], high[1])])
        back = np.linalg.inv(self.to_crop[:, :2])
        there = (corners - self.to_crop[:, 2]) @ back.T
        shape = np.array(self.picture.shape[1::-1])
        left, top = np.clip(np.floor(there.min(0)), 0, shape).astype(int)
        right, bottom = np.clip(np.ceil(there.max(0)), 0, shape).astype(int)
        return slice(top, bottom), slice(left, right)

    @functools.cached_property
    def white(self) -> np.ndarray:
        """What white looks like in this photo, `[3]` in [0, 1]."""
        return light.white(self.picture, self.face[(self.inside > 0) & (self.face > 0).any(-1)])

    def paint(self, frame: Frame) -> np.ndarray:
        """How much of a pixel is painted once the movement allows it, `[S, S]` in [0, 1].

        Eyes and teeth that the photo shows are moved and not painted, unless they would be
        stretched (choice: paint is as coarse as the crop, and its colours are those of rendered
        heads).
        """
        columns, rows = np.moveaxis(frame.flow * np.float32(len(self.openings)), -1, 0)
        line = np.arange(len(self.openings), dtype=np.float32)
        columns, rows = columns + line, rows + line[:, None]
        (column_y, column_x), (row_y, row_x) = np.gradient(columns), np.gradient(rows)
        area = column_x * row_y - column_y * row_x  # negative where the flow folds
        sharp = np.clip((area - _STRETCHED) / (_SHARP - _STRETCHED), 0, 1)
        shown = sharp * cv2.remap(self.openings, columns, rows, cv2.INTER_LINEAR)
        return _blurred(frame.paint) * self.paintable * (1 - shown)

    @functools.cached_property
    def share(self) -> np.ndarray:
        """`fade` at the picture's pixels, `[h, w, 1]` of the box."""
        fade = self.enlarged(self.fade, cv2.BORDER_CONSTANT, self._margin)
        return fade[..., None].clip(0, 1)

    def movement(self, flow: np.ndarray) -> np.ndarray:
        """By how many of the picture's pixels each pixel of the box moves, `[h, w, 2]`.

        Args:
          flow: float32 `[S, S, 2]`, in shares of the crop's side, see `Frame`.
        """
        back = np.linalg.inv(self.to_crop[:, :2]).T * len(self.face)
        carried = _carried_beyond(flow, self.inside) @ back.astype(np.float32)
        return self.enlarged(carried) * self.share

    def enlarged(
        self, field: np.ndarray, border: int = cv2.BORDER_REPLICATE, margin: int = 0
    ) -> np.ndarray:
        """Brings a field to the pixels of the box, bicubic.

        Args:
          field: of the crop, `[Z, Z]` or `[Z, Z, C]`, or of a `margin` of its pixels around it too.
          border: OpenCV's, what lies beyond the field.
          margin: the field's pixels on each side of the crop.
        """
        rows, columns = self.box
        side = len(field)
        finer = self._finer
        if finer > 1:
            # OpenCV counts places in 1/32 of a pixel, which would show as steps.
            size = (side * finer, side * finer)
            field = cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)
        matrix = self.to_crop * (finer * (side - 2 * margin) / len(self.face))
        matrix[:, 2] += matrix[:, :2] @ (columns.start + 0.5, rows.start + 0.5) - 0.5
        matrix[:, 2] += finer * margin
        size = (columns.stop - columns.start, rows.stop - rows.start)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(field, matrix, size, flags=flags, borderMode=border)

    @property
    def _margin(self) -> int:
        return (len(self.fade) - len(self.face)) // 2

    @functools.cached_property
    def _finer(self) -> int:
        scale = 1 / crop.shrink(self.to_crop)  # of the crop's pixels, in one of the picture's
        return int(np.clip(2 ** np.ceil(np.log2(0.5 / scale)), 1, 8))


def on_photo(picture: np.ndarray, landmarks: np.ndarray, side: int) -> Stage:
    """The whole photo with one face in it, whose movement fades out beyond its oval.

    Args:
      picture: uint8 `[H, W, 3]`.
      landmarks: `[68, 2]` in its pixels.
      side: of the crop that the model is shown.
    """
    to_crop = crop.align(landmarks, side)
    there = crop.move(landmarks, to_crop)
    oval = crop.coverage(crop.oval(there), side)[..., 0]
    inside = (oval > 0.99).astype(np.float32)
    # The chin and the brow are nearer to the crop's edge than where the movement ends.
    outside = np.pad((inside == 0).astype(np.uint8), side // 4, constant_values=1)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5) / side
    fade = ramp(distance, _FADE_TO, _FADE_FROM)
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5) / side
    paintable = ramp(within, 0, _PAINTED_FROM)
    face = crop.face(picture, landmarks, to_crop, side)
    return Stage(picture, face, to_crop, inside, paintable, fade, _openings(there, side))


def on_crop(picture: np.ndarray, landmarks: np.ndarray, side: int, size: int) -> Stage:
    """The face oval on black, as the training clips are: the head may move too.

    Args:
      picture: uint8 `[H, W, 3]`.
      landmarks: `[68, 2]` in its pixels.
      side: of the crop that the model is shown.
      size: of the frames.
    """
    shown = crop.face(picture, landmarks, crop.align(landmarks, size), size)
    to_crop = crop.align(landmarks, side)
    face = crop.face(picture, landmarks, to_crop, side)
    return of_crop(shown, face, _openings(crop.move(landmarks, to_crop), side))


def of_crop(shown: np.ndarray, face: np.ndarray, openings: np.ndarray | None = None) -> Stage:
    """A finished crop.

    Args:
      shown: uint8 `[Z, Z, 3]`.
      face: the same at the model's size, uint8 `[S, S, 3]`.
      openings: as `Stage.openings`; None where it is not known, and eyes and teeth may be painted.
    """
    scale = len(face) / len(shown)
    everywhere = np.ones(face.shape[:2], np.float32)
    openings = np.zeros_like(everywhere) if openings is None else openings
    to_crop = np.array([[scale, 0, 0], [0, scale, 0]])
    return Stage(shown, face, to_crop, everywhere, everywhere, everywhere, openings)


def draw(stage: Stage, frame: Frame, onto: np.ndarray) -> None:
    """Draws the face of one frame.

    Args:
      stage: the picture and the face.
      frame: how it differs.
      onto: uint8 `[H, W, 3]`, a copy of the picture; pixels that do not change are left alone.
    """
    rows, columns = stage.box
    by = stage.movement(frame.flow)
    line = np.arange(columns.start, columns.stop, dtype=np.float32)
    column = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    moved = cv2.remap(
        stage.picture,
        line + by[..., 0],
        column + by[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    box = onto[rows, columns]
    np.copyto(box, moved, where=(np.abs(by).max(-1) > _STILL)[..., None])
    paint = stage.enlarged(stage.paint(frame), cv2.BORDER_CONSTANT)
    # Little paint is a thin line: if it were half transparent, lips would be seen behind teeth.
    shut = (1 - frame.gate) * (0.5 + 0.5 / _CONTRAST)
    painted = (_CONTRAST * (paint.clip(0, 1) - 0.5 - shut) + 0.5).clip(0, 1)
    wet = painted > 0
    if wet.any():
        lit = light.lit(_blurred(frame.colour), stage.white)
        layers = teeth.part(lit, frame.paint, frame.teeth)
        part = _around(wet)
        colour = teeth.Layers(*(stage.enlarged(layer)[part] for layer in layers)).together()
        _paint(box[part], painted[part], colour, wet[part])


def _blurred(field: np.ndarray) -> np.ndarray:
    """Paint `[S, S]` or its colour `[S, S, 3]`, blurred along the mouth."""
    blurred = cv2.GaussianBlur(np.ascontiguousarray(field), (0, 0), _ALONG, sigmaY=_ACROSS)
    return blurred.clip(-1, 1)  # but for rounding nothing is outside


def _openings(landmarks: np.ndarray, side: int) -> np.ndarray:
    """`Stage.openings` of landmarks `[68, 2]` in the crop's pixels."""
    eyes_and_mouth = np.stack([crop.coverage(landmarks[edge], side)[..., 0] for edge in _EDGES])
    gap = np.linalg.norm(landmarks[_UPPER_LIP] - landmarks[_LOWER_LIP], axis=-1).mean() / side
    eyes_and_mouth[-1] *= ramp(gap, _CLOSED, _OPEN)
    return eyes_and_mouth.max(0)


def _around(wet: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold all of the true pixels."""
    rows, columns = (np.flatnonzero(wet.any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _paint(box: np.ndarray, painted: np.ndarray, colour: np.ndarray, wet: np.ndarray) -> None:
    share = painted[..., None]
    mixed = box * (1 - share) + colour * share
    np.copyto(box, np.rint(mixed).clip(0, 255).astype(np.uint8), where=wet[..., None])


def _carried_beyond(flow: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Flow `[S, S, 2]` that goes on, outside the oval, as the nearest skin inside it does.

    The model has learnt nothing there: what it was shown is black.
    """
    sigma = _SPREAD * len(inside)
    within = inside[..., None]
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None] + np.float32(1e-4)
    beyond = cv2.GaussianBlur(flow * within, (0, 0), sigma) / weight
    return flow * within + beyond * (1 - within)
