"""Base of the builders that are made from files of clips."""

import abc
import dataclasses
import itertools
import os
import pathlib
import re
import unicodedata
from collections.abc import Iterator

import tensorflow_datasets as tfds

import fevgan_jax
from fevgan_jax.data import beam, finished
from fevgan_jax.faces import clip as clips
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import features, local, subjects


@dataclasses.dataclass
class ClipsConfig(tfds.core.BuilderConfig):
    """How clips are prepared and people split.

    Attributes:
      tracker: one of `faces.track.TRACKERS`.
      image_size: side of the frames; choice: the paper's 64.
      num_frames: frames of a clip; the paper's 32.
      by: "arc_length" (choice: the published code of the paper's group) or "time".
      until: the last frame of a clip that is used: the middle one ("half"), the one farthest from
        neutral ("apex") or the last one ("end").
      strict: skip clips with a cut, a face that leaves the crop or jumps, or nothing that moves.
      seed: seed of the split into train and test, 80% and 20% of the people (paper).
    """

    tracker: str = "dlib"
    image_size: int = 64
    num_frames: int = 32
    by: str = "arc_length"
    until: str = "end"
    strict: bool = True
    seed: int = 0


class ClipsBuilder(local.LocalBuilder, skip_registration=True):
    """A set of real clips; a subclass says where they lie and keeps `MANUAL_DOWNLOAD_INSTRUCTIONS`.

    Attributes:
      CLASS_NAMES: the expressions, in the order of the labels; None takes those that are found.
      ahead: a Beam run that prepares the clips, see `finished.finish`; None prepares them here.
    """

    CLASS_NAMES: tuple[str, ...] | None = tuple(fevgan_jax.EXPRESSIONS)
    ahead: beam.Run | None = None

    @abc.abstractmethod
    def find(self, raw_dir: pathlib.Path) -> list[finished.Clip]:
        """Lists the clips in the folder of the original files.

        Raises:
          UserError: the folder does not have this set's structure.
        """

    def divide(self, people: list[str]) -> dict[str, list[str]]:
        """The people of each split: 80% and 20% of them, drawn by the config's seed."""
        if len(people) < 2:
            raise UserError(
                f"the clips show {len(people)} person: add clips of another, one to train "
                "on and one to test."
            )
        train, test = subjects.split(people, seed=self.builder_config.seed)
        return {"train": train, "test": test}

    def _info(self):
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=features.of_clips(config.num_frames, config.image_size, self.CLASS_NAMES),
            supervised_keys=None,
        )

    def _split_generators(self, dl_manager):
        config = self.builder_config
        raw_dir = pathlib.Path(dl_manager.manual_dir)
        found = sorted(self.find(raw_dir), key=lambda clip: clip.name)
        if not found:
            instructions = " ".join(self.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
            raise UserError(f"{raw_dir} has no clip in the expected place. {instructions}")
        for before, after in itertools.pairwise(found):
            if before.name == after.name:
                raise UserError(
                    f"{raw_dir} has the clip {after.name} twice, as {before.files[:1]} and "
                    f"{after.files[:1]}: keep one."
                )
        used = {file for clip in found for file in clip.files}
        unused = [
            str(file.relative_to(raw_dir))
            for file in besides_pictures(raw_dir)
            if str(file) not in used
        ]
        splits = self.divide(sorted({clip.subject for clip in found}))
        people = {person for side in splits.values() for person in side}
        outside = [
            finished.Outcome(
                clip, reason=f"{clip.subject} is not in a split of {self.name}/{config.name}"
            )
            for clip in found
            if clip.subject not in people
        ]
        found = [clip for clip in found if clip.subject in people]
        if self.CLASS_NAMES is None:
            self.info.features["label"].names = sorted({clip.expression for clip in found})
        settings = finished.Settings(
            config.tracker,
            config.image_size,
            config.num_frames,
            config.by,
            config.until,
            config.strict,
        )
        place = pathlib.Path(self.data_dir)
        outcomes = finished.finish(found, settings, place.parent / finished.FOLDER, self.ahead)
        finished.report([*outcomes, *outside], place, unused)
        files = {
            name: [each.file for each in outcomes if each.file and each.clip.subject in side]
            for name, side in splits.items()
        }
        for name, kept in files.items():
            if not kept:
                raise UserError(
                    f"no clip is left for the split {name!r} ({len(splits[name])} people): add "
                    "more clips, or correct those that were skipped."
                )
        return {name: self._generate_examples(kept) for name, kept in files.items()}

    def _generate_examples(self, files):
        for file in files:
            example = finished.load(file)
            yield example["clip"], example


def walk(raw_dir: pathlib.Path) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Finds clips, frame folders and videos alike, at any depth.

    Hidden files, thumbnails and the metadata files of archivers are ignored.

    Yields:
      The path of the clip relative to `raw_dir`, as folder names in NFC text, and its files, frames
      in the order of their numbers. An empty folder is a clip without files.
    """
    for path, inner, names in os.walk(raw_dir):
        folder = pathlib.Path(path)
        inner[:] = sorted(name for name in inner if not _is_ignored(name))
        names = sorted((name for name in names if not _is_ignored(name)), key=_by_number)
        parts = tuple(
            unicodedata.normalize("NFC", part) for part in folder.relative_to(raw_dir).parts
        )
        frames = [name for name in names if name.lower().endswith(clips.PICTURES)]
        videos = [name for name in names if name.lower().endswith(clips.VIDEOS)]
        for video in videos:
            yield (*parts, unicodedata.normalize("NFC", video)), (str(folder / video),)
        if frames or (parts and not inner and not videos):
            yield parts, tuple(str(folder / name) for name in frames)


def besides_pictures(raw_dir: pathlib.Path) -> Iterator[pathlib.Path]:
    """Finds every file that is no picture, at any depth; notes and tables are left out."""
    known = (*clips.PICTURES, ".csv", ".json", ".md", ".txt")
    for path, inner, names in os.walk(raw_dir):
        inner[:] = sorted(name for name in inner if not _is_ignored(name))
        for name in sorted(names):
            if not name.lower().endswith(known) and not _is_ignored(name):
                yield pathlib.Path(path, name)


def _is_ignored(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name.lower().startswith("thumb")


def _by_number(name: str) -> list:
    """Sort key that puts frame 10 after frame 9, whatever their digits."""
    return [int(each) if each.isdigit() else each for each in re.split(r"(\d+)", name.lower())]
