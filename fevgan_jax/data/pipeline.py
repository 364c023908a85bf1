"""From a prepared data set on disk to batches on the devices."""

import dataclasses
import functools
import hashlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import grain
import jax
import numpy as np
import tensorflow_datasets as tfds
from grain.experimental import ThreadPrefetchIterDataset
from jax.sharding import Mesh

from fevgan_jax.data import cache, on_device
from fevgan_jax.data.clips import TIMED
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError

TEXTS = ("subject", "clip")
"""Features that name an example; they stay on the host."""

_READ_THREADS = 4


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
        return value[list(self.frames)] if self.frames and name in TIMED else value

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
    length = min((features[name].shape[0] or 0 for name in TIMED if name in features), default=0)
    if any(not -length <= frame < length for frame in source.frames):
        raise UserError(
            f"config.data.frames is {source.frames}, and the clips in {folder} have {length} "
            f"frames: give numbers from 0 to {length - 1}, or () for whole clips."
        )
    return source


def batch_shapes(
    source: Source,
    features: tuple[str, ...],
    batch_size: int,
    rows_by_clip: Mapping[str, np.ndarray] | None = None,
) -> dict[str, jax.ShapeDtypeStruct]:
    """What `train_batches` gives for these arguments, as shapes."""
    return {
        name: jax.ShapeDtypeStruct((batch_size, *array.shape), array.dtype)
        for name, array in _joined(source.read(0, features), 0, rows_by_clip).items()
    }


def train_batches(
    source: Source,
    features: tuple[str, ...],
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    mesh: Mesh,
    rows_by_clip: Mapping[str, np.ndarray] | None = None,
    keep_on_device: bool = False,
    prefetch: int = 2,
    cache_gib: float = 2.0,
) -> Iterator[dict[str, jax.Array]]:
    """Endless shuffled batches, read ahead; the one of step s is a pure function of `seed` and s.

    So a resumed run needs no saved position, and a run sees the same rows in the same places on
    any number of devices and processes.

    Args:
      source: from `open_source`.
      features: those that a batch holds; the others are neither decoded nor sent.
      batch_size: rows of the global batch.
      seed: of the shuffle; every pass over the data has its own order.
      start_step: the step of the first batch given.
      mesh: from `sharding.make_mesh`.
      rows_by_clip: arrays `[N, ...]` by name, whose row n joins what clip n holds.
      keep_on_device: load the whole set to the devices once, see `on_device`; the batches are the
        same, and the two arguments below are not used.
      prefetch: batches held ready, on the host and again on the devices.
      cache_gib: how much of the set each host keeps decoded, see `cache`.

    Yields:
      The features, and what `rows_by_clip` adds, as global arrays `[B, ...]` sharded along `data`.
    """
    rows = sharding.local_rows(batch_size, mesh)
    shuffled = grain.MapDataset.range(len(source)).seed(seed).shuffle().repeat()

    def decode(index: int) -> dict[str, np.ndarray]:
        return source.read(index, features)

    def number_of(step: int, row: int) -> int:
        return shuffled[step * batch_size + row]

    if keep_on_device:
        return on_device.batches(
            lambda index: _joined(decode(index), index, rows_by_clip),
            len(source),
            lambda step: [number_of(step, row) for row in range(batch_size)],
            start_step=start_step,
            mesh=mesh,
        )

    decoded = cache.DecodedClips(decode, len(source), cache_gib * 2**30)

    def clip(position: int) -> dict[str, np.ndarray]:
        step, row = divmod(position, len(rows))
        index = number_of(step, rows[row])
        return _joined(decoded(index), index, rows_by_clip)

    # Batches are made before the data set becomes an iterator: each is then one element, and their
    # order does not depend on how many threads read.
    batches = (
        grain.MapDataset.range(start_step * len(rows), sys.maxsize)
        .map(clip)
        .batch(len(rows))
        .to_iter_dataset(grain.ReadOptions(_READ_THREADS, max(prefetch, _READ_THREADS)))
        .map(lambda batch: sharding.to_global(batch, mesh))
    )
    ahead = iter(ThreadPrefetchIterDataset(batches, prefetch_buffer_size=prefetch))
    ahead.start_prefetch()
    return ahead


class EvalBatch(NamedTuple):
    """Some clips of a split.

    Attributes:
      batch: features as global arrays `[B, ...]`; rows past the end repeat the last clip.
      valid: bool `[B]`, False for those rows.
      names: (subject, clip) of every row.
    """

    batch: dict[str, jax.Array]
    valid: np.ndarray
    names: tuple[tuple[str, str], ...]


def eval_batches(
    source: Source,
    features: tuple[str, ...],
    *,
    batch_size: int,
    mesh: Mesh,
    chosen: Sequence[int] | None = None,
) -> Iterator[EvalBatch]:
    """Gives clips of a split once each, in the order they are named.

    Args:
      source: from `open_source`.
      features: those that a batch holds.
      batch_size: rows of the global batch; every batch has that many.
      mesh: from `sharding.make_mesh`.
      chosen: numbers of the clips; None gives all of them in the split's order.

    Yields:
      One `EvalBatch` after another; `valid` and `names` cover the global batch in every process.
    """
    rows = sharding.local_rows(batch_size, mesh)
    chosen = range(len(source)) if chosen is None else chosen
    last = len(chosen) - 1
    starts = range(0, len(chosen), batch_size)
    positions = [start + row for start in starts for row in rows]
    batches = (
        grain.MapDataset.source(positions)
        .map(lambda position: source.read(int(chosen[min(position, last)]), features))
        .batch(len(rows))
        .to_iter_dataset(grain.ReadOptions(_READ_THREADS, _READ_THREADS))
    )
    names = source.names
    for start, batch in zip(starts, batches, strict=True):
        positions = np.arange(start, start + batch_size)
        yield EvalBatch(
            sharding.to_global(batch, mesh),
            positions <= last,
            tuple(names[chosen[position]] for position in np.minimum(positions, last)),
        )


def _joined(
    clip: dict[str, np.ndarray], index: int, rows_by_clip: Mapping[str, np.ndarray] | None
) -> dict[str, np.ndarray]:
    return clip | {name: rows[index] for name, rows in (rows_by_clip or {}).items()}


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
