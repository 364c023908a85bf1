"""A run keeps to the prepared set that it was started on."""

import json

import pytest

from fevgan_jax.data import prepared
from fevgan_jax.run.workdir import find_changes, keep_config, read_config
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.loop import describe_data
from tests import tiny_clips, tiny_config


@pytest.fixture
def data_dir(tmp_path):
    return tiny_clips.prepare(tmp_path / "data")


def described(data_dir):
    config = tiny_config.get_config()
    config.data.data_dir = str(data_dir)
    describe_data(config, prepared.open_source(data_dir, config.data.dataset, "train"))
    return config


def test_a_run_notes_the_version_and_the_fingerprint_of_its_set(data_dir):
    config = described(data_dir)
    source = prepared.open_source(data_dir, config.data.dataset, "train")
    assert (config.data.version, config.data.fingerprint) == ("1.0.0", source.fingerprint)


def test_a_resume_on_another_version_is_refused(data_dir, tmp_path):
    keep_config(described(data_dir), tmp_path)
    tiny_clips.copy_as_version(data_dir, "1.1.0")
    with pytest.raises(UserError, match=r"data\.version is '1\.0\.0' there and '1\.1\.0' here"):
        find_changes(described(data_dir), tmp_path)


def test_a_run_that_kept_no_version_goes_on(data_dir, tmp_path):
    keep_config(described(data_dir), tmp_path)
    path = tmp_path / "config.json"
    kept = json.loads(path.read_text())
    del kept["version"], kept["data"]["version"], kept["data"]["fingerprint"]
    path.write_text(json.dumps(kept))
    old = read_config(tmp_path)
    assert open_evaluated(old, "test").version == "1.0.0"
    changed = {
        change["field"]: change["to"] for change in find_changes(described(data_dir), tmp_path)
    }
    assert changed["data.version"] == "1.0.0"


def test_the_version_of_the_training_is_evaluated_beside_a_newer_one(data_dir):
    config = described(data_dir)
    tiny_clips.copy_as_version(data_dir, "1.1.0")
    assert open_evaluated(config, "test").version == "1.0.0"


def test_an_evaluations_version_of_another_set_is_opened_beside_a_newer_one(data_dir):
    config = described(data_dir)
    config.data.dataset, config.eval.dataset = "some/other", config.data.dataset
    tiny_clips.copy_as_version(data_dir, "1.1.0")
    assert open_evaluated(config, "test").version == "1.1.0"
    assert open_evaluated(config, "test", "1.0.0").version == "1.0.0"


def test_another_version_is_not_evaluated(data_dir):
    tiny_clips.copy_as_version(data_dir, "1.1.0")
    config = described(data_dir)
    config.data.version = "1.2.0"
    with pytest.raises(UserError, match=r"version 1\.2\.0 .* has 1\.0\.0, 1\.1\.0"):
        open_evaluated(config, "test")


def test_another_set_of_the_same_version_is_not_evaluated(data_dir):
    config = described(data_dir)
    own, config.data.fingerprint = config.data.fingerprint, "0123456789abcdef"
    with pytest.raises(UserError, match=f"0123456789abcdef, but .*1.0.0 has {own}"):
        open_evaluated(config, "test")


def test_another_sets_classes_must_be_the_runs(data_dir):
    config = described(data_dir)
    config.data.dataset, config.eval.dataset = "some/other", config.data.dataset
    assert open_evaluated(config, "test").class_names == tiny_clips.CLASSES
    config.data.class_names = ("anger", "fear")
    with pytest.raises(UserError, match="classes anger, fear, but tiny_clips/demo has anger, hap"):
        open_evaluated(config, "test")
