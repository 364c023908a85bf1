"""From a prepared set to batches on the devices."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import grain
import jax
import numpy as np
from grain.experimental import ThreadPrefetchIterDataset
from jax.sharding import Mesh

from fevgan_jax.data import cache, on_device
from fevgan_jax.data.prepared import Source
from fevgan_jax.runtime import sharding

_READ_THREADS = 4


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
      source: from `prepared.open_source`.
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
      source: from `prepared.open_source`.
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
