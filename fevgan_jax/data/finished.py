"""Prepares the clips of a set on all cores, and reports on them.

Each finished clip is a file of its own, so an interrupted run resumes after the last one.
"""

import collections
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import pickle
import re
import typing
from collections.abc import Sequence

import cv2
import numpy as np
from absl import logging
from tqdm import tqdm

from fevgan_jax.data import beam, timing
from fevgan_jax.faces import clip as clips
from fevgan_jax.faces import track
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.workers import Workers

FOLDER = "finished_clips"
"""Folder of finished clips, beside the set, until the set is complete."""

_SHEET_COLUMNS = 12
_FEW = 8
"""Clips of fewer frames are listed: they are mostly interpolated (choice: a quarter of 32)."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip of the raw data.

    Attributes:
      subject: the person's name.
      expression: the expression's name.
      name: the clip's unique name in the set.
      files: its frames in order, or one file of another kind, to be read as a video.
    """

    subject: str
    expression: str
    name: str
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How clips are prepared, see `faces.clip.make`.

    Attributes:
      tracker: one of `track.TRACKERS`.
      image_size: side of the frames in pixels.
      num_frames: frames of a clip.
      by: "arc_length" or "time".
      until: "half", "apex" or "end".
      strict: whether clips with a cut, a face that leaves the crop or jumps, or nothing that moves
        are skipped.

    Raises:
      UserError: a field has a value that is not known.
    """

    tracker: str
    image_size: int
    num_frames: int
    by: str
    until: str
    strict: bool = True

    def __post_init__(self):
        for name, known in (
            ("tracker", tuple(track.TRACKERS)),
            ("by", typing.get_args(timing.By)),
            ("until", typing.get_args(clips.Until)),
        ):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name}={getattr(self, name)} is not known: give one of {', '.join(known)}."
                )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of preparing a clip.

    Attributes:
      clip: the clip.
      file: the file of its features, "" if it was skipped.
      reason: why it was skipped.
    """

    clip: Clip
    file: str = ""
    reason: str = ""


def finish(
    clip_list: Sequence[Clip],
    settings: Settings,
    folder: pathlib.Path,
    ahead: beam.Run | None = None,
) -> list[Outcome]:
    """Prepares clips on all cores, except those already in `folder`.

    Args:
      clip_list: the clips.
      settings: how to prepare them.
      folder: folder of the finished clips.
      ahead: a Beam run that prepares clips before this machine does: clips that it leaves in
        `folder` are done, and clips that it skipped are tried again for the reason.

    Returns:
      One outcome per clip, in order.

    Raises:
      UserError: the tracker is not installed, or no clip can be used.
    """
    # A missing tracker is reported here once, instead of by every worker.
    logging.info(track.finder(settings.tracker).NOTE)
    work = functools.partial(_finish_one, settings=settings, folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    if ahead:
        ahead.each(work, clip_list)
    done = Workers(os.cpu_count()).map(work, clip_list)
    outcomes = list(tqdm(done, "Preparing clips", len(clip_list), unit=" clips"))
    if not any(outcome.file for outcome in outcomes):
        first = outcomes[0]
        raise UserError(
            f"none of {len(outcomes)} clips can be used; the first, {first.clip.name}: "
            f"{first.reason}."
        )
    return outcomes


def load(file: str) -> dict[str, object]:
    """The features of a finished clip; frames are PNG bytes."""
    return pickle.loads(pathlib.Path(file).read_bytes())


def report(outcomes: Sequence[Outcome], folder: pathlib.Path, unused: Sequence[str] = ()) -> None:
    """Writes `report.json` and `contact_sheet.png`, and logs which clips were skipped and why.

    Args:
      outcomes: from `finish`.
      folder: the folder to write to.
      unused: files of the raw data that belong to no clip.
    """
    kept = [each for each in outcomes if each.file]
    skipped = [each for each in outcomes if not each.file]
    table = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    for each in outcomes:
        table[each.clip.subject][each.clip.expression][0 if each.file else 1] += 1
    stretched = [each.clip.name for each in kept if _source_frames(each) < _FEW]
    reasons = collections.Counter(_kind(each) for each in skipped)
    content = {
        "kept": len(kept),
        "kept_from_few_frames": stretched,
        "reasons": dict(reasons.most_common()),
        "skipped": [{"clip": each.clip.name, "reason": each.reason} for each in skipped],
        "unused_files": list(unused),
        "kept_and_skipped_by_subject_and_expression": table,
    }
    write_atomic(folder / "report.json", json.dumps(content, indent=1).encode())
    write_atomic(folder / "contact_sheet.png", media.png(_sheet(kept)))
    for each in skipped:
        logging.info("skipped %s: %s", each.clip.name, each.reason)
    if stretched:
        logging.info("%d clips have less than %d frames of their own", len(stretched), _FEW)
    if unused:
        logging.info("%d files belong to no clip, such as %s", len(unused), unused[0])
    logging.info("kept %d clips, skipped %d; see report.json", len(kept), len(skipped))


def _finish_one(clip: Clip, settings: Settings, folder: pathlib.Path) -> Outcome:
    file = folder / _key(clip, settings)
    if not file.exists():
        try:
            made = clips.make(clip.files, _finder(settings.tracker), **_how(settings))
        except UserError as error:
            return Outcome(clip, reason=str(error))
        made |= {name: [_png(frame) for frame in made[name]] for name in ("video", "mask")}
        made |= {"label": clip.expression, "subject": clip.subject, "clip": clip.name}
        write_atomic(file, pickle.dumps(made))
    return Outcome(clip, file=str(file))


_finder = functools.cache(track.finder)


def _source_frames(outcome: Outcome) -> int:
    return int(np.ptp(load(outcome.file)["source_frames"])) + 1


def _kind(skipped: Outcome) -> str:
    """The reason without what differs from clip to clip: the names of files, and numbers."""
    reason = skipped.reason
    for file in skipped.clip.files:
        reason = reason.replace(file, "a file")
    return re.sub(r"\b\d+\b", "N", reason)


def _how(settings: Settings) -> dict[str, object]:
    how = dataclasses.asdict(settings)
    del how["tracker"]
    return how


def _key(clip: Clip, settings: Settings) -> str:
    """A hash of the clip's files, their dates and the settings."""
    states = [os.stat(file) for file in clip.files]
    states = [(state.st_size, state.st_mtime_ns) for state in states]
    return hashlib.sha256(repr((clip, settings, states)).encode()).hexdigest()


def _png(image: np.ndarray) -> bytes:
    # OpenCV takes BGR; a mask has one channel.
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def _sheet(kept: Sequence[Outcome]) -> np.ndarray:
    """One row per expression: the last frames of clips spread over the set."""
    rows = collections.defaultdict(list)
    for each in kept:
        rows[each.clip.expression].append(each.file)
    pictures = []
    for _, files in sorted(rows.items()):
        chosen = np.linspace(0, len(files) - 1, min(_SHEET_COLUMNS, len(files))).astype(int)
        frames = [load(files[i])["video"][-1] for i in chosen]
        pictures.append(
            [cv2.imdecode(np.frombuffer(each, np.uint8), 1)[..., ::-1] for each in frames]
        )
    return media.grid(pictures)
