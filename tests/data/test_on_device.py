"""data/on_device.py: the same batches, from a set in device memory."""

import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

from fevgan_jax.data import on_device, pipeline, prepared
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
CLIPS = 10  # not a multiple of 8 devices


def read(number):
    random = np.random.default_rng(number)
    return {
        "video": random.integers(0, 256, (2, 4, 4, 3), np.uint8),
        "landmarks": random.normal(size=(2, 68, 2)).astype(np.float32),
        "label": np.int32(number),
    }


def numbers_of(step):
    return np.random.default_rng(step).permutation(CLIPS)[:8]


@pytest.mark.parametrize("devices", [1, 8])
def test_batches_are_those_of_the_host(tiny_data, devices):
    source = prepared.open_source(tiny_data, "synthetic_faces/tiny", "test")
    mesh = sharding.make_mesh(jax.devices()[:devices])
    own = {"identity": np.random.default_rng(0).normal(size=(len(source), 3)).astype(np.float32)}
    host, device = (
        pipeline.train_batches(
            source,
            ("video", "mask", "label"),
            batch_size=8,
            seed=3,
            start_step=5,
            mesh=mesh,
            rows_by_clip=own,
            keep_on_device=keep,
        )
        for keep in (False, True)
    )
    for wanted, got in itertools.islice(zip(host, device, strict=True), 2 * len(source) // 8):
        assert wanted.keys() == got.keys()
        for name, array in wanted.items():
            assert (array.dtype, array.sharding) == (got[name].dtype, got[name].sharding)
            np.testing.assert_array_equal(got[name], array)


def test_a_set_is_read_once_and_split_over_the_devices():
    seen, mesh = [], sharding.make_mesh()
    clips = on_device._load(lambda number: seen.append(number) or read(number), CLIPS, mesh)
    assert sorted({*seen}) == list(range(CLIPS))
    assert {shard.data.shape[0] for shard in clips["video"].addressable_shards} == {2}
    batches = on_device.batches(read, CLIPS, numbers_of, start_step=2, mesh=mesh)
    for step in (2, 3):
        assert next(batches)["label"].tolist() == numbers_of(step).tolist()


def test_a_batch_is_gathered_without_the_set_on_one_device():
    mesh = sharding.make_mesh()
    clips = {"video": np.zeros((800, 2, 32, 32, 3), np.uint8)}
    arguments = sharding.to_global(clips, mesh), np.arange(8, dtype=np.int32)
    memory = on_device._make_gather(mesh).lower(*arguments).compile().memory_analysis()
    assert memory.argument_size_in_bytes < clips["video"].nbytes / 7
    assert memory.temp_size_in_bytes < clips["video"].nbytes / 10


def test_processes_hold_a_part_each_and_give_the_same_batches():
    program = """
        import sys
        import jax
        import numpy as np
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))
        from fevgan_jax.runtime import sharding
        from fevgan_jax.data import on_device
        from tests.data.test_on_device import CLIPS, numbers_of, read

        seen, mesh = [], sharding.make_mesh()
        batches = on_device.batches(
            lambda number: seen.append(number) or read(number),
            CLIPS, numbers_of, start_step=0, mesh=mesh,
        )
        for step in range(3):
            batch = next(batches)
            for row in sharding.local_rows(8, mesh):
                wanted = read(numbers_of(step)[row])
                for name, array in batch.items():
                    (shard,) = [s for s in array.addressable_shards if s.index[0].start <= row]
                    got = np.asarray(shard.data)[row - shard.index[0].start]
                    np.testing.assert_array_equal(got, wanted[name])
        print(sorted({*seen}))
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), address, str(process)],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    seen = [each.communicate(timeout=120)[0] for each in both]
    # Each reads clip 0 for a clip's size.
    assert [json.loads(text.splitlines()[-1]) for text in seen] == [
        [0, 1, 2, 3, 4],
        [0, 5, 6, 7, 8, 9],
    ]


def test_a_set_that_does_not_fit_names_the_field():
    class Device:
        def memory_stats(self):
            return {"bytes_limit": 3 * 2**30, "bytes_in_use": 2**30}

    class Mesh:
        local_devices = (Device(),)

    on_device._check_fit(2 * 2**30, Mesh)
    with pytest.raises(
        UserError, match=r"2\.5 GiB .* where 2\.0 .*--config\.data\.on_device=False"
    ):
        on_device._check_fit(5 * 2**29, Mesh)
