"""From a photo and what its face is asked to do to videos of it."""

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import cv2
import numpy as np

from fevgan_jax import EXPRESSIONS
from fevgan_jax.animation import drive, moving
from fevgan_jax.animation.model import Animator, Frame, Motion
from fevgan_jax.faces import find, units
from fevgan_jax.faces import photo as photos
from fevgan_jax.runtime.errors import UserError

FPS = 25.0
"""Frames per second (choice: that of MUG is near; every player shows it evenly)."""
_SECONDS = 1.28
"""Length of a video (choice: the paper's 32 frames, at 25 a second)."""
_MOST_FRAMES = 3_000
_OVERSHOOT = 0.1
"""How far beyond neutral a unit goes that is to go, in shares of it (choice: MediaPipe then sees no
smile in 27 of 30 neutral faces made of smiling ones, without it in 26)."""
_MOST_GIB = 4.0
"""Of the frames of one video, which are made before any is written."""
_STRONGEST = 10.0
"""Beyond it, fields are noise (choice: an expression is 1, and from 2 on a grimace)."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How the videos of a photo are made.

    Attributes:
      frame: "photo", the whole photo with the face moved in place, or "crop", the face oval on
        black, as the training clips are.
      face: which face, as `find.choose` takes it.
      units: face units, each as `units.parse_units` takes them; a video each.
      keep: the photo's own expression stays: each unit goes to the larger of what the photo shows
        and what is asked for, and a negative amount takes away from what it shows.
      strength: how far the face goes: 0 is the photo, 1 the expression; above 1 the expression
        itself is exaggerated.
      head: whether the head moves as well; None for "crop" alone, where no hair stays behind.
      fps: frames per second; None for 25, and for a driven video its clip's.
      seconds: length; None for 1.28, and for a driven video its clip's.
      loop: go back to the photo, so that the video can be repeated without a jump.
      drive: a clip of another person whose face units, and head where it moves, are followed.
      landmarker: MediaPipe's model file, for `drive`; None for the one in the weights folder.
      longest_side: larger photos are reduced to it first; 0 keeps any size.
      size: side of a "crop" in pixels.
    """

    frame: Literal["photo", "crop"] = "photo"
    face: str = "largest"
    units: tuple[str, ...] = ()
    keep: bool = False
    strength: float = 1.0
    head: bool | None = None
    fps: float | None = None
    seconds: float | None = None
    loop: bool = False
    drive: str | None = None
    landmarker: str | None = None
    longest_side: int = 1920
    size: int = 256

    def check(self) -> None:
        """Raises UserError if the options cannot be followed together."""
        if self.drive and (self.fps or self.loop):
            raise UserError(
                "a driven video has the pace of its clip: leave --fps and --loop out with --drive."
            )
        if self.drive and self.keep:
            raise UserError(
                "a driven face keeps what it does anyway: leave --keep out with --drive."
            )
        if self.head and self.units and not self.drive:
            raise UserError("face units do not move the head: leave --head out with --units.")
        if self.landmarker and not self.drive:
            raise UserError("--landmarker is for --drive: leave it out, or name a clip to follow.")
        for name in ("fps", "seconds", "strength"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise UserError(f"--{name}={value} is no number: give a finite one.")
        if self.strength > _STRONGEST:
            raise UserError(
                f"--strength={self.strength:g} is too much: 1 is the whole expression, and "
                f"{_STRONGEST:g} the most."
            )
        if self.num_frames(self.fps or FPS) > _MOST_FRAMES:
            raise UserError(
                f"--seconds and --fps ask for more than {_MOST_FRAMES} frames: give a smaller "
                "number of one of them."
            )

    def num_frames(self, fps: float) -> int:
        """Frames of a video that follows no clip."""
        return max(2, round(min((self.seconds or _SECONDS) * fps, _MOST_FRAMES + 1)))

    @property
    def moves_head(self) -> bool:
        """Whether the head moves as well."""
        return self.frame == "crop" if self.head is None else self.head


@dataclasses.dataclass(frozen=True)
class Order:
    """What videos are asked for, read before any work is done.

    Attributes:
      targets: float32 `[56]` of each video, by a name that can stand in a file's name.
      path: float32 `[T]`, how far each of their frames is on the way.
      changes: float32 `[T, 56]` of each driven video, by name.
      fps: frames per second of all.
    """

    targets: Mapping[str, np.ndarray]
    path: np.ndarray
    changes: Mapping[str, np.ndarray]
    fps: float


def order(
    expressions: Sequence[str], options: Options, presets: Mapping[str, np.ndarray] | None = None
) -> Order:
    """Reads what is asked for; all that the model has learnt, or all six, when nothing is named.

    Args:
      expressions: each as `units.parse_expression` takes it; a video each.
      options: the rest.
      presets: targets that the model has learnt, by name.

    Raises:
      UserError: a name is unknown, the options do not go together, or the clip cannot be read.
    """
    options.check()
    if not expressions and not options.units and not options.drive:
        expressions = tuple(presets or EXPRESSIONS)
    targets = dict(units.parse_expression(name, presets) for name in expressions)
    targets |= dict(map(units.parse_units, options.units))
    if options.keep and not all(target.any() for target in targets.values()):
        raise UserError("neutral takes the photo's expression away: leave --keep out with it.")
    for target in targets.values():
        target *= max(options.strength, 1.0)
        target[len(units.NAMES) :] *= options.moves_head
    changes, fps = {}, options.fps or FPS
    if options.drive:
        fps, change = drive.read(options.drive, options.landmarker)
        change[:, len(units.NAMES) :] *= options.moves_head
        name = os.path.splitext(os.path.basename(options.drive))[0]
        if name in targets:
            raise UserError(
                f"{options.drive} and an expression would both give {name}.mp4: rename the clip, "
                "or leave the expression out."
            )
        changes[name] = change[: options.num_frames(fps)] if options.seconds else change
    path = units.course(options.num_frames(fps), options.loop) * min(options.strength, 1.0)
    return Order(targets, path, changes, fps)


def animate(
    animator: Animator, path: str | os.PathLike, wanted: Order, options: Options
) -> Iterator[tuple[str, np.ndarray]]:
    """Makes the videos of one photo, one after another.

    Args:
      animator: the model.
      path: the photo; one that is as large as the model's crops is taken for a finished crop.
      wanted: from `order`.
      options: the rest.

    Yields:
      A name, and uint8 `[T, H, W, 3]`. The first frame is the photo itself, or its crop.

    Raises:
      UserError: the photo cannot be read, or shows no such face, or a video is too large; before
        the first video.
    """
    ask = animator.prepare(len(wanted.targets), len(wanted.path)) if wanted.targets else None
    pictures = _stages(animator, path, options)
    longest = max([len(wanted.path)] * bool(wanted.targets) + [*map(len, wanted.changes.values())])
    for first, *_ in pictures:
        _check_memory(first.picture, longest)
    for number, stages in enumerate(pictures, 1):
        ending = f"_face{number}" if len(pictures) > 1 else ""
        motions: dict[str, list[Motion | list[Frame]]] = {}
        for stage in stages:
            for name, motion in _motions(animator, ask, stage, wanted, options).items():
                motions.setdefault(name, []).append(motion)
        for name, of_faces in motions.items():
            yield name + ending, _draw(stages, of_faces)


def _stages(
    animator: Animator, path: str | os.PathLike, options: Options
) -> list[list[moving.Stage]]:
    """The pictures that videos are made of, each with its faces."""
    picture = photos.read(path)
    photos.check(picture, path)
    side = animator.side
    if photos.is_finished(picture, side):
        return [[moving.of_crop(picture, picture)]]
    if options.longest_side and max(picture.shape[:2]) > options.longest_side:
        scale = options.longest_side / max(picture.shape[:2])
        size = [max(1, round(scale * side)) for side in picture.shape[1::-1]]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        photos.check(picture, path)
    chosen = [face.landmarks for face in find.choose(find.faces(picture), options.face, path)]
    if options.frame == "photo":
        return [[moving.on_photo(picture, landmarks, side) for landmarks in chosen]]
    return [[moving.on_crop(picture, landmarks, side, options.size)] for landmarks in chosen]


def _motions(
    animator: Animator, ask, stage: moving.Stage, wanted: Order, options: Options
) -> dict[str, Motion | list[Frame]]:
    motions = {}
    if wanted.targets:
        from_shown = _added if options.keep else _beyond
        targets = from_shown(np.stack(list(wanted.targets.values())), animator.shown(stage.face))
        path = np.broadcast_to(wanted.path, (len(targets), len(wanted.path)))
        motions = dict(zip(wanted.targets, ask(stage.face, targets, path), strict=True))
    for name, changes in wanted.changes.items():
        motions[name] = drive.follow(animator, stage.face, changes, options.strength)
    return motions


def _beyond(targets: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Targets `[N, 56]` a little beyond neutral in the units that a photo has `shown` `[52]`.

    A smile that is to go is read too faintly: of 30 photos as 0.42, of which MediaPipe's mean is
    0.63, and a part of it would stay.
    """
    asked, head = np.split(targets, [len(shown)], axis=1)
    return np.concatenate([asked - _OVERSHOOT * np.maximum(shown - asked, 0), head], axis=1)


def _added(targets: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Targets `[N, 56]` together with what a photo has `shown` `[52]`, see `Options.keep`."""
    asked, head = np.split(targets, [len(shown)], axis=1)
    together = np.where(asked < 0, shown + asked, np.maximum(asked, shown))
    return np.concatenate([together, head], axis=1)


def _check_memory(picture: np.ndarray, num_frames: int) -> None:
    needed = num_frames * picture.nbytes / 2**30
    if needed > _MOST_GIB:
        raise UserError(
            f"{num_frames} frames of {picture.shape[1]}x{picture.shape[0]} pixels need "
            f"{needed:.1f} GiB of memory, and {_MOST_GIB:g} are the most: give a smaller "
            "--seconds, --fps, --size or --longest_side."
        )


def _draw(stages: Sequence[moving.Stage], of_faces: Sequence[Motion | list[Frame]]) -> np.ndarray:
    picture = stages[0].picture
    video = np.empty((len(of_faces[0]), *picture.shape), np.uint8)

    def draw(t: int) -> None:
        video[t] = picture
        for stage, frames in zip(stages, of_faces, strict=True):
            moving.draw(stage, frames[t], video[t])

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(draw, range(len(video))))
    return video
