import itertools
import pathlib

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from fevgan_jax.data import pipeline, prepared
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError
from tests import tiny_clips

FEATURES = ("video", "mask", "landmarks", "label")


def _batches(source, count, *, devices=8, start_step=0, seed=0, **options):
    mesh = sharding.make_mesh(jax.devices()[:devices])
    batches = pipeline.train_batches(
        source, FEATURES, batch_size=8, seed=seed, start_step=start_step, mesh=mesh, **options
    )
    return [
        {name: np.asarray(array) for name, array in batch.items()}
        for batch in itertools.islice(batches, count)
    ]


def _numbers(batches):
    """Which clip each row is; the builder writes it into the landmarks."""
    return [batch["landmarks"][:, 0, 0, 0].astype(int).tolist() for batch in batches]


def test_batches_are_sharded_arrays_of_the_contract(source):
    mesh = sharding.make_mesh()
    options = {"batch_size": 8, "seed": 0, "start_step": 0, "mesh": mesh}
    batch = next(pipeline.train_batches(source, FEATURES, **options))
    assert {name: (array.shape, array.dtype.name) for name, array in batch.items()} == {
        "video": ((8, 4, 16, 16, 3), "uint8"),
        "mask": ((8, 4, 16, 16, 1), "uint8"),
        "landmarks": ((8, 4, 68, 2), "float32"),
        "label": ((8,), "int32"),
    }
    assert all(array.sharding == sharding.batch_sharding(mesh) for array in batch.values())


def test_only_the_asked_features_are_decoded_and_sent(source, monkeypatch):
    decoded = []
    decode = tfds.features.Image.decode_example_np
    monkeypatch.setattr(
        tfds.features.Image,
        "decode_example_np",
        lambda self, example: decoded.append(self.shape[-1]) or decode(self, example),
    )
    assert set(source.read(0, ("video", "label"))) == {"video", "label"}
    assert set(decoded) == {3}
    source.read(0, ("mask",))
    assert set(decoded) == {3, 1}


def test_rows_of_a_clip_stay_together(source):
    (batch,) = _batches(source, 1)
    (numbers,) = _numbers([batch])
    assert (batch["video"][:, 0, 0, 0, 0] // 10).tolist() == numbers
    assert batch["label"].tolist() == [number % 2 for number in numbers]


def test_rows_by_clip_join_the_clip_they_belong_to(source):
    own = {"identity": np.stack([source[i]["landmarks"][0, 0] for i in range(tiny_clips.CLIPS)])}
    for batch in _batches(source, 3, rows_by_clip=own):
        assert batch["identity"][:, 0].astype(int).tolist() == _numbers([batch])[0]


def test_shapes_of_batches_are_known_before_they_are_read(source):
    own = {"identity": np.zeros((tiny_clips.CLIPS, 4, 4, 7), np.float32)}
    (batch,) = _batches(source, 1, rows_by_clip=own)
    shapes = pipeline.batch_shapes(source, FEATURES, 8, own)
    assert {name: (array.shape, array.dtype) for name, array in batch.items()} == {
        name: (array.shape, array.dtype) for name, array in shapes.items()
    }


def test_a_batch_is_a_function_of_seed_and_step(source):
    whole = _numbers(_batches(source, 6))
    assert _numbers(_batches(source, 6)) == whole
    assert _numbers(_batches(source, 2, start_step=4)) == whole[4:]
    assert _numbers(_batches(source, 6, seed=1)) != whole


def test_every_pass_gives_each_clip_once_in_its_own_order(source):
    rows = list(itertools.chain(*_numbers(_batches(source, 5))))
    passes = [rows[start : start + tiny_clips.CLIPS] for start in range(0, 5 * 8, tiny_clips.CLIPS)]
    assert all(sorted(order) == list(range(tiny_clips.CLIPS)) for order in passes)
    assert len({tuple(order) for order in passes}) == len(passes)


def test_devices_do_not_change_a_batch(source):
    assert _numbers(_batches(source, 3, devices=1)) == _numbers(_batches(source, 3, devices=8))


def test_processes_join_to_the_same_batch(source, monkeypatch):
    whole = _numbers(_batches(source, 3))
    # What each of two processes reads, seen before it is joined into global arrays.
    monkeypatch.setattr(sharding, "to_global", lambda rows, mesh: rows)
    parts = []
    for rows in (range(4), range(4, 8)):
        monkeypatch.setattr(sharding, "local_rows", lambda size, mesh, rows=rows: rows)
        parts.append(_numbers(_batches(source, 3)))
    assert [first + second for first, second in zip(*parts, strict=True)] == whole


def test_a_set_that_fits_is_decoded_once(source, monkeypatch):
    read, original = [], prepared.Source.read
    monkeypatch.setattr(
        prepared.Source,
        "read",
        lambda source, index, features: read.append(index) or original(source, index, features),
    )
    kept = _batches(source, 6, cache_gib=1.0)
    assert len(read) <= 2 * tiny_clips.CLIPS
    read.clear()
    for batch, expected in zip(_batches(source, 6, cache_gib=0.0), kept, strict=True):
        jax.tree.map(np.testing.assert_array_equal, batch, expected)
    assert len(read) >= 6 * 8


def test_evaluation_sees_each_clip_once(source):
    seen = []
    batches = list(pipeline.eval_batches(source, FEATURES, batch_size=8, mesh=sharding.make_mesh()))
    for batch, valid, names in batches:
        assert batch["video"].shape == (8, 4, 16, 16, 3)
        numbers = np.asarray(batch["landmarks"])[:, 0, 0, 0].astype(int)
        assert [subject for subject, _ in names] == [f"person{n // 2}" for n in numbers]
        seen += numbers[valid].tolist()
    assert [valid.sum() for _, valid, _ in batches] == [8, 2]
    assert sorted(seen) == list(range(tiny_clips.CLIPS))


def test_some_clips_are_evaluated_in_the_order_they_are_named(source):
    chosen = np.array([7, 2, 9])
    batches = pipeline.eval_batches(
        source, FEATURES, batch_size=8, mesh=sharding.make_mesh(), chosen=chosen
    )
    ((batch, valid, names),) = batches
    assert valid.tolist() == [True] * 3 + [False] * 5
    assert names[:3] == tuple(source.names[index] for index in chosen)
    expected = [source[index]["landmarks"][0, 0, 0] for index in chosen]
    np.testing.assert_array_equal(np.asarray(batch["landmarks"])[:3, 0, 0, 0], expected)
    assert [source.labels[index] for index in chosen] == np.asarray(batch["label"])[:3].tolist()


def _break_records(data_dir, content):
    (records,) = pathlib.Path(data_dir).glob("tiny_clips/demo/1.0.0/*train.array_record*")
    records.write_bytes(content(records.read_bytes()))
    return records


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:1000] + bytes(200) + content[1200:],
    ],
    ids=["truncated", "empty", "overwritten"],
)
def test_a_broken_record_file_is_named(tmp_path, damage):
    builder = tiny_clips.TinyClips(config="demo", data_dir=tmp_path)
    builder.download_and_prepare(download_dir=tmp_path / "raw", file_format="array_record")
    _break_records(tmp_path, damage)
    with pytest.raises(UserError, match=rf"{tmp_path}/tiny_clips/demo/1.0.0"):
        broken = prepared.open_source(tmp_path, "tiny_clips/demo", "train")
        _batches(broken, 3)
