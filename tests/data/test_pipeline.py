import itertools
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds

from fevgan_jax.data import pipeline
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError
from tests import tiny_clips

CLIPS = tiny_clips.SUBJECTS * len(tiny_clips.CLASSES)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    builder = tiny_clips.TinyClips(config="demo", data_dir=folder)
    builder.download_and_prepare(download_dir=folder / "raw", file_format="array_record")
    return folder


@pytest.fixture(scope="module")
def source(data_dir):
    return pipeline.open_source(data_dir, "tiny_clips/demo", "train")


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


def test_a_clip_is_read_whole(source):
    assert len(source) == CLIPS
    assert source.class_names == tiny_clips.CLASSES
    assert source.subjects == tuple(f"person{n}" for n in range(tiny_clips.SUBJECTS))
    for index in range(CLIPS):
        clip = source[index]
        number = int(clip["landmarks"][0, 0, 0])
        np.testing.assert_array_equal(clip["video"], np.full((4, 16, 16, 3), 10 * number, np.uint8))
        np.testing.assert_array_equal(clip["mask"], np.full((4, 16, 16, 1), 255, np.uint8))
        assert clip["label"] == number % 2
        assert clip["label"].dtype == np.int32
        assert (clip["subject"], clip["clip"]) == source.names[index]
        assert clip["subject"] == f"person{number // 2}"


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


def test_a_feature_that_the_set_lacks_is_named(source):
    source.check_features(("video", "label"))
    with pytest.raises(UserError, match="has no flow, which is asked of it: it has"):
        source.check_features(("video", "flow"))


def test_rows_of_a_clip_stay_together(source):
    (batch,) = _batches(source, 1)
    (numbers,) = _numbers([batch])
    assert (batch["video"][:, 0, 0, 0, 0] // 10).tolist() == numbers
    assert batch["label"].tolist() == [number % 2 for number in numbers]


def test_chosen_frames_are_those_of_the_whole_clip(data_dir, source):
    ends = pipeline.open_source(data_dir, "tiny_clips/demo", "train", (0, 3))
    for name in ("video", "mask", "landmarks", "source_frames"):
        np.testing.assert_array_equal(ends[1][name], source[1][name][[0, 3]])


def test_rows_by_clip_join_the_clip_they_belong_to(source):
    own = {"identity": np.stack([source[i]["landmarks"][0, 0] for i in range(CLIPS)])}
    for batch in _batches(source, 3, rows_by_clip=own):
        assert batch["identity"][:, 0].astype(int).tolist() == _numbers([batch])[0]


def test_shapes_of_batches_are_known_before_they_are_read(source):
    own = {"identity": np.zeros((CLIPS, 4, 4, 7), np.float32)}
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
    passes = [rows[start : start + CLIPS] for start in range(0, 5 * 8, CLIPS)]
    assert all(sorted(order) == list(range(CLIPS)) for order in passes)
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
    read, original = [], pipeline.Source.read
    monkeypatch.setattr(
        pipeline.Source,
        "read",
        lambda source, index, features: read.append(index) or original(source, index, features),
    )
    kept = _batches(source, 6, cache_gib=1.0)
    assert len(read) <= 2 * CLIPS
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
    assert sorted(seen) == list(range(CLIPS))


def test_a_missing_set_names_the_command_that_makes_it(tmp_path):
    command = f"python -m fevgan_jax.prepare --dataset=some/set --data_dir={tmp_path}"
    with pytest.raises(UserError, match=command):
        pipeline.open_source(tmp_path, "some/set", "train")


def test_a_missing_split_names_those_there_are(data_dir):
    with pytest.raises(UserError, match="no split 'valid': it has train, test"):
        pipeline.open_source(data_dir, "tiny_clips/demo", "valid")


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
        broken = pipeline.open_source(tmp_path, "tiny_clips/demo", "train")
        _batches(broken, 3)


def test_a_set_without_its_description_is_broken(tmp_path):
    builder = tiny_clips.TinyClips(config="demo", data_dir=tmp_path)
    builder.download_and_prepare(download_dir=tmp_path / "raw", file_format="array_record")
    (tmp_path / "tiny_clips/demo/1.0.0/features.json").unlink()
    with pytest.raises(UserError, match=rf"{tmp_path}/tiny_clips/demo/1.0.0"):
        pipeline.open_source(tmp_path, "tiny_clips/demo", "train")


def test_training_reads_clips_without_tensorflow(data_dir):
    program = (
        "import sys; from fevgan_jax.training import loop; from fevgan_jax.data import pipeline; "
        "pipeline.open_source(sys.argv[1], 'tiny_clips/demo', 'train')[0]; "
        "sys.exit('tensorflow' in sys.modules)"  # its import takes 3 s
    )
    subprocess.run([sys.executable, "-c", program, str(data_dir)], check=True)


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


def test_the_newest_version_is_opened_unless_one_is_named(tmp_path):
    tiny_clips.copy_as_version(tiny_clips.prepare(tmp_path), "1.10.0")
    tiny_clips.copy_as_version(tmp_path, "1.9.0")
    assert pipeline.open_source(tmp_path, "tiny_clips/demo", "train").version == "1.10.0"
    old = pipeline.open_source(tmp_path, "tiny_clips/demo", "train", version="1.0.0")
    assert old.version == "1.0.0"
    with pytest.raises(UserError, match=r"version 3\.0\.0 .*has 1\.0\.0, 1\.9\.0, 1\.10\.0"):
        pipeline.open_source(tmp_path, "tiny_clips/demo", "train", version="3.0.0")


def test_a_fingerprint_is_the_same_wherever_a_set_was_prepared(source, tmp_path):
    again = pipeline.open_source(tiny_clips.prepare(tmp_path), "tiny_clips/demo", "test")
    assert again.fingerprint == source.fingerprint


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dataset_info.json", '"10"', '"9"'),
        ("features.json", '"16"', '"17"'),
        ("label.labels.txt", "happiness", "fear"),
    ],
)
def test_a_fingerprint_tells_sets_of_one_version_apart(source, tmp_path, file, old, new):
    changed = tiny_clips.prepare(tmp_path) / "tiny_clips/demo/1.0.0" / file
    assert old in changed.read_text()
    changed.write_text(changed.read_text().replace(old, new))
    other = pipeline.open_source(tmp_path, "tiny_clips/demo", "test")
    assert other.version == source.version
    assert other.fingerprint != source.fingerprint
