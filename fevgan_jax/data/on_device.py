"""Keeps a prepared set in device memory, so that no device waits for the host.

The set is sharded over the devices as a batch is, not replicated: it has to fit in their memory
together, and a process reads only the clips of its own devices. A batch is gathered by clip numbers
that every process knows; only this batch is sent between devices, fewer bytes than a step's
gradients.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np
import tqdm
from jax.sharding import Mesh

from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError


def batches(
    read: Callable[[int], Mapping[str, np.ndarray]],
    num_clips: int,
    numbers_of: Callable[[int], Sequence[int]],
    *,
    start_step: int,
    mesh: Mesh,
) -> Iterator[dict[str, jax.Array]]:
    """Loads a set, then gives endless batches of it.

    Args:
      read: returns the arrays of a clip, by its number.
      num_clips: number of clips.
      numbers_of: returns the clip numbers of a step's global batch, in row order.
      start_step: the step of the first batch.
      mesh: from `sharding.make_mesh`.

    Returns:
      An iterator over global arrays `[B, ...]` sharded along `data`.

    Raises:
      UserError: the set does not fit on the devices.
    """
    clips, gather = _load(read, num_clips, mesh), _make_gather(mesh)
    # On the caller's thread: every device must run this and the training step in the same order.
    return (gather(clips, np.int32(numbers_of(step))) for step in itertools.count(start_step))


def _load(read, num_clips, mesh) -> dict[str, jax.Array]:
    """Arrays `[N, ...]` sharded over the devices; the last part is padded with the last clip."""
    share = -(-num_clips // mesh.devices.size)
    _check_fit(share * sum(array.nbytes for array in read(0).values()), mesh)
    numbers = sharding.local_rows(share * mesh.devices.size, mesh)
    clips = [
        read(min(number, num_clips - 1))
        for number in tqdm.tqdm(numbers, desc="load clips", unit="clip")
    ]
    stacked = {name: np.stack([clip[name] for clip in clips]) for name in clips[0]}
    return sharding.to_global(stacked, mesh)


def _make_gather(mesh: Mesh) -> Callable[..., dict[str, jax.Array]]:
    by_clip, everywhere = sharding.batch_sharding(mesh), sharding.replicated(mesh)
    return jax.jit(
        lambda clips, numbers: jax.tree.map(lambda array: array[numbers], clips),
        in_shardings=(by_clip, everywhere),
        out_shardings=by_clip,
    )


def _check_fit(num_bytes: int, mesh: Mesh) -> None:
    memory = mesh.local_devices[0].memory_stats()
    if memory is None:  # a CPU has the host's memory
        return
    free = memory["bytes_limit"] - memory["bytes_in_use"]
    if num_bytes > free:
        raise UserError(
            f"the set takes {num_bytes / 2**30:.1f} GiB of each device, where {free / 2**30:.1f} "
            "are free: keep it on the host with --config.data.on_device=False."
        )
