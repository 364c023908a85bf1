"""A prepared data set on disk, read example by example."""

import dataclasses
import functools
import hashlib
import json
import pathlib
import re
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from fevgan_jax.data import clips
from fevgan_jax.runtime.errors import UserError

TEXTS = ("subject", "clip")
"""Features that name an example; they stay on the host."""


@dataclasses.dataclass(frozen=True)
class Source:
    """One split of a prepared data set, read clip by clip in any order.

    Attributes:
      builder_dir: the folder of the prepared set, `<data_dir>/<dataset>/<version>`.
      split: the split's name.
      frames: indices of the frames that are given of each clip; () gives all.
    """

    builder_dir: str
    split: str
    frames: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> dict[str, np.ndarray | str]:
        """Reads all features of one example, a clip in every builder of this package.

        Returns:
          `video` uint8 [T, H, W, 3], `mask` uint8 [T, H, W, 1], `landmarks` float32 [T, 68, 2] in
          pixels, `label` int32 [], `source_frames` float32 [T], and the texts `subject`, `clip`; of
          another set, whatever its features are.

        Raises:
          UserError: the record is broken.
        """
        return self.read(index, tuple(self._builder.info.features))

    def read(self, index: int, features: tuple[str, ...]) -> dict[str, np.ndarray | str]:
        """Reads some features of one example; the others are not decoded.

        Raises:
          UserError: the record is broken.
        """
        try:
            example = self._decoder(features).deserialize_example_np(self._records[index])
        except Exception as error:
            # array_record, protobuf and the picture decoder each raise their own kinds.
            raise UserError(
                f"clip {index} of {self.split!r} in {self.builder_dir} cannot be read "
                f"({_first_line(error)}): delete that folder and prepare the set again."
            ) from error
        return {name: self._value(name, value) for name, value in example.items()}

    def check_features(self, features: tuple[str, ...]) -> None:
        """Raises UserError unless the set has all of these features."""
        there = tuple(self._builder.info.features)
        missing = sorted(set(features) - set(there))
        if missing:
            raise UserError(
                f"{self.builder_dir} has no {', '.join(missing)}, which is asked of it: "
                f"it has {', '.join(there)}; choose another --config.data.dataset."
            )

    def _value(self, name: str, value: Any) -> np.ndarray | str:
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, list):  # a video comes as a list of frames
            value = np.stack(value)
        feature = self._builder.info.features[name]
        if isinstance(feature, tfds.features.ClassLabel):
            return np.int32(value)
        if isinstance(value, int | float):  # a number comes as Python's own
            return np.asarray(value, feature.np_dtype)
        return value[list(self.frames)] if self.frames and name in clips.TIMED else value

    @functools.cache  # noqa: B019 (a source lives as long as its run)
    def _decoder(self, features: tuple[str, ...]) -> tfds.features.FeaturesDict:
        described = self._builder.info.features
        return tfds.features.FeaturesDict({name: described[name] for name in features})

    @functools.cached_property
    def class_names(self) -> tuple[str, ...]:
        """The expressions, in the order of the labels; none in a set without labels."""
        features = self._builder.info.features
        return tuple(features["label"].names) if "label" in features else ()

    @property
    def version(self) -> str:
        """The version of the prepared set."""
        return pathlib.Path(self.builder_dir).name

    @functools.cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell this set from others of its name and version.

        A hash of its name, version, features, class names and the sizes of its splits. Pixels do
        not count: the same clips decoded on another machine may differ by a rounding.
        """
        info = self._builder.info
        described = {
            "name": info.full_name,
            "features": json.loads(pathlib.Path(self.builder_dir, "features.json").read_text()),
            "class_names": self.class_names,
            "splits": {name: split.num_examples for name, split in info.splits.items()},
        }
        text = json.dumps(described, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(subject, clip) of every clip, in the order of the split."""
        return tuple((example["subject"], example["clip"]) for example in self._described)

    @property
    def labels(self) -> np.ndarray:
        """The label of every clip `[N]` int32, in the order of the split."""
        return np.array([example["label"] for example in self._described], np.int32)

    @functools.cached_property
    def _described(self) -> list[dict[str, Any]]:
        # Every record is read, but no picture is decoded.
        features = tuple({*TEXTS, "label"} & set(self._builder.info.features))
        return [self.read(index, features) for index in range(len(self))]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The people of the split, each once, sorted."""
        return tuple(sorted({subject for subject, _ in self.names}))

    @functools.cached_property
    def _builder(self) -> tfds.core.DatasetBuilder:
        return tfds.builder_from_directory(self.builder_dir)

    @functools.cached_property
    def _records(self) -> Any:
        return self._builder.as_data_source(
            self.split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
        )


def data_root(data_dir: str) -> pathlib.Path:
    """The folder of prepared sets: `data_dir`, or TFDS's own when that is empty."""
    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def open_source(
    data_dir: str, dataset: str, split: str, frames: tuple[int, ...] = (), version: str = ""
) -> Source:
    """Opens a prepared set from its files alone; the code that built it is not needed.

    Args:
      data_dir: where `prepare` put the sets; "" is TFDS's own folder.
      dataset: the set's name and, where it has them, its variant: `synthetic_faces/demo`.
      split: a split of it.
      frames: indices of the frames to give of each clip; () gives all.
      version: which version of the set; "" is the newest that is there.

    Raises:
      UserError: the set is not there, is broken, or has no such split or frames.
    """
    root = data_root(data_dir) / dataset
    versions = {
        path.name: path for path in root.glob("*") if re.fullmatch(r"\d+\.\d+\.\d+", path.name)
    }
    if not versions:
        raise UserError(
            f"no prepared set in {root}: run `python -m fevgan_jax.prepare --dataset={dataset} "
            f"--data_dir={data_root(data_dir)}` first."
        )
    by_age = sorted(versions, key=lambda name: tuple(map(int, name.split("."))))
    if version and version not in versions:
        raise UserError(
            f"version {version} of {dataset} is asked for, but {root} has {', '.join(by_age)}: "
            "prepare that version there, or name the folder that has it with --data_dir."
        )
    folder = versions[version or by_age[-1]]
    source = Source(str(folder), split, tuple(frames))
    try:
        splits = list(source._builder.info.splits)
        if split in splits:
            len(source)
    except Exception as error:
        raise UserError(
            f"the prepared set in {folder} cannot be opened ({_first_line(error)}): delete that "
            f"folder and run `python -m fevgan_jax.prepare --dataset={dataset} "
            f"--data_dir={data_root(data_dir)}` again."
        ) from error
    if split not in splits:
        raise UserError(f"{folder} has no split {split!r}: it has {', '.join(splits)}.")
    features = source._builder.info.features
    length = clips.length({name: feature.shape for name, feature in features.items()})
    if any(not -length <= frame < length for frame in source.frames):
        raise UserError(
            f"config.data.frames is {source.frames}, and the clips in {folder} have {length} "
            f"frames: give numbers from 0 to {length - 1}, or () for whole clips."
        )
    return source


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
