"""Placement of arrays: one mesh axis, `data`, over every device of every process."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from fevgan_jax.runtime.errors import UserError

DATA_AXIS = "data"


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Arranges the devices along the one axis `data`.

    Forced: the axis is Auto, because `jax.make_mesh` makes Explicit axes by default, for which the
    models would have to state a sharding for every intermediate result.

    Args:
      devices: the devices to use; every device of every process when not given.

    Returns:
      The mesh; neighbours along its axis belong to one process, so that a process owns one
      contiguous block of a batch's rows.
    """
    devices = jax.devices() if devices is None else list(devices)
    ordered = sorted(devices, key=lambda device: (device.process_index, device.id))
    return Mesh(np.array(ordered), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows `[B, ...]` split over the devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def check_batch_size(batch_size: int, mesh: Mesh, microbatches: int = 1) -> None:
    """Raises UserError unless every device gets the same number of rows of each microbatch."""
    devices = mesh.devices.size
    unit = devices * microbatches
    if batch_size > 0 and batch_size % unit == 0:
        return
    below = batch_size - batch_size % unit
    fitting = [str(size) for size in (below, below + unit) if size > 0]
    parts = f" and {microbatches} microbatches" if microbatches > 1 else ""
    raise UserError(
        f"batch_size={batch_size} cannot be split over {devices} devices{parts}: "
        f"set --config.batch_size={' or '.join(fitting)}."
    )


def local_rows(batch_size: int, mesh: Mesh) -> range:
    """The rows of a global batch that this process reads: one contiguous block."""
    check_batch_size(batch_size, mesh)
    owners = [device.process_index for device in mesh.devices.flat]
    share = batch_size // len(owners)
    first = owners.index(jax.process_index())
    return range(first * share, (first + owners.count(jax.process_index())) * share)


def to_global(rows: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Joins each process's rows into global arrays.

    Args:
      rows: arrays `[B / processes, ...]`, this process's `local_rows`.
      mesh: from `make_mesh`.

    Returns:
      Arrays `[B, ...]` sharded along `data`.
    """
    sharding = batch_sharding(mesh)
    return {
        name: jax.make_array_from_process_local_data(sharding, array)
        for name, array in rows.items()
    }


def to_host(arrays: Any) -> Any:
    """Copies global arrays whole to every process's host; all processes must call it together."""

    def whole(array: jax.Array) -> np.ndarray:
        if array.is_fully_addressable or array.is_fully_replicated:
            return np.asarray(array)
        return multihost_utils.process_allgather(array, tiled=True)

    return jax.tree.map(whole, arrays)
