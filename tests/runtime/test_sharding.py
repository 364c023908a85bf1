import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError


def test_mesh_has_one_auto_axis_over_all_devices():
    mesh = sharding.make_mesh()
    assert mesh.axis_names == ("data",)
    assert mesh.devices.size == jax.device_count() == 8
    assert mesh.axis_types == (AxisType.Auto,)


def test_rows_are_split_and_parameters_are_not():
    mesh = sharding.make_mesh()
    rows = np.arange(16, dtype=np.float32)
    batch = sharding.to_global({"x": rows}, mesh)["x"]
    assert [shard.data.tolist() for shard in batch.addressable_shards] == [
        [2 * n, 2 * n + 1] for n in range(8)
    ]
    whole = jax.device_put(rows, sharding.replicated(mesh))
    assert all(shard.data.shape == (16,) for shard in whole.addressable_shards)


def test_global_batch_does_not_depend_on_the_number_of_devices():
    rows = np.arange(16)
    for count in (1, 2, 8):
        mesh = sharding.make_mesh(jax.devices()[:count])
        np.testing.assert_array_equal(sharding.to_global({"x": rows}, mesh)["x"], rows)


def test_batch_size_must_divide_by_the_devices():
    mesh = sharding.make_mesh()
    sharding.check_batch_size(24, mesh)
    with pytest.raises(UserError, match=r"batch_size=20 .* 8 devices.*=16 or 24"):
        sharding.check_batch_size(20, mesh)
    with pytest.raises(UserError, match=r"batch_size=3 .*batch_size=8\."):
        sharding.check_batch_size(3, mesh)
    with pytest.raises(UserError, match=r"=24 .* 8 devices and 2 microbatches: .*=16 or 32\."):
        sharding.check_batch_size(24, mesh, microbatches=2)


def test_a_process_reads_the_block_of_rows_that_its_devices_hold(monkeypatch):
    class Device:
        def __init__(self, number):
            self.id, self.process_index = number, number // 2

    class Mesh:
        devices = np.array([Device(number) for number in range(8)])

    blocks = []
    for process in range(4):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        blocks.append(sharding.local_rows(16, Mesh))
    assert blocks == [range(0, 4), range(4, 8), range(8, 12), range(12, 16)]
