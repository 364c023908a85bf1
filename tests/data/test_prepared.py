"""A prepared set on disk: what it gives, and what is said where it is missing or broken."""

import subprocess
import sys

import numpy as np
import pytest

from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError
from tests import tiny_clips


def test_a_clip_is_read_whole(source):
    assert len(source) == tiny_clips.CLIPS
    assert source.class_names == tiny_clips.CLASSES
    assert source.subjects == tuple(f"person{n}" for n in range(tiny_clips.SUBJECTS))
    for index in range(tiny_clips.CLIPS):
        clip = source[index]
        number = int(clip["landmarks"][0, 0, 0])
        np.testing.assert_array_equal(clip["video"], np.full((4, 16, 16, 3), 10 * number, np.uint8))
        np.testing.assert_array_equal(clip["mask"], np.full((4, 16, 16, 1), 255, np.uint8))
        assert clip["label"] == number % 2
        assert clip["label"].dtype == np.int32
        assert (clip["subject"], clip["clip"]) == source.names[index]
        assert clip["subject"] == f"person{number // 2}"


def test_a_feature_that_the_set_lacks_is_named(source):
    source.check_features(("video", "label"))
    with pytest.raises(UserError, match="has no flow, which is asked of it: it has"):
        source.check_features(("video", "flow"))


def test_chosen_frames_are_those_of_the_whole_clip(data_dir, source):
    ends = prepared.open_source(data_dir, "tiny_clips/demo", "train", (0, 3))
    for name in ("video", "mask", "landmarks", "source_frames"):
        np.testing.assert_array_equal(ends[1][name], source[1][name][[0, 3]])


def test_a_missing_set_names_the_command_that_makes_it(tmp_path):
    command = f"python -m fevgan_jax.prepare --dataset=some/set --data_dir={tmp_path}"
    with pytest.raises(UserError, match=command):
        prepared.open_source(tmp_path, "some/set", "train")


def test_a_missing_split_names_those_there_are(data_dir):
    with pytest.raises(UserError, match="no split 'valid': it has train, test"):
        prepared.open_source(data_dir, "tiny_clips/demo", "valid")


def test_a_set_without_its_description_is_broken(tmp_path):
    builder = tiny_clips.TinyClips(config="demo", data_dir=tmp_path)
    builder.download_and_prepare(download_dir=tmp_path / "raw", file_format="array_record")
    (tmp_path / "tiny_clips/demo/1.0.0/features.json").unlink()
    with pytest.raises(UserError, match=rf"{tmp_path}/tiny_clips/demo/1.0.0"):
        prepared.open_source(tmp_path, "tiny_clips/demo", "train")


def test_training_reads_clips_without_tensorflow(data_dir):
    program = (
        "import sys; from fevgan_jax.training import loop; from fevgan_jax.data import prepared; "
        "prepared.open_source(sys.argv[1], 'tiny_clips/demo', 'train')[0]; "
        "sys.exit('tensorflow' in sys.modules)"  # its import takes 3 s
    )
    subprocess.run([sys.executable, "-c", program, str(data_dir)], check=True)


def test_the_newest_version_is_opened_unless_one_is_named(tmp_path):
    tiny_clips.copy_as_version(tiny_clips.prepare(tmp_path), "1.10.0")
    tiny_clips.copy_as_version(tmp_path, "1.9.0")
    assert prepared.open_source(tmp_path, "tiny_clips/demo", "train").version == "1.10.0"
    old = prepared.open_source(tmp_path, "tiny_clips/demo", "train", version="1.0.0")
    assert old.version == "1.0.0"
    with pytest.raises(UserError, match=r"version 3\.0\.0 .*has 1\.0\.0, 1\.9\.0, 1\.10\.0"):
        prepared.open_source(tmp_path, "tiny_clips/demo", "train", version="3.0.0")


def test_a_fingerprint_is_the_same_wherever_a_set_was_prepared(source, tmp_path):
    again = prepared.open_source(tiny_clips.prepare(tmp_path), "tiny_clips/demo", "test")
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
    other = prepared.open_source(tmp_path, "tiny_clips/demo", "test")
    assert other.version == source.version
    assert other.fingerprint != source.fingerprint
