import json

import pytest

from fevgan_jax.configs import base, motion_modes
from fevgan_jax.run.versions import VERSION
from fevgan_jax.run.workdir import find_changes, keep_config, read_config
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.check import check_config

ENCODER = {"name": "vgg16", "features": "pool4+conv5_3"}
ADAM = {"name": "adam", "learning_rate": 2e-4, "b1": 0.5, "b2": 0.999}
FIRST = {
    "seed": 0,
    "batch_size": 16,
    "num_steps": 60000,
    "ema_decay": 0.0,
    "initial_weights": "",
    "data": {
        "dataset": "mug/paper",
        "data_dir": "",
        "class_names": ["anger", "disgust", "fear", "happiness", "sadness", "surprise"],
        "clip_shape": [32, 64, 64, 3],
    },
    "model": {
        "name": "fevgan_jax.models.fevgan",
        "identity_encoder": ENCODER,
        "generator": {
            "encoder_features": [64, 128, 256, 512],
            "decoder_features": [1024, 512, 256, 128],
        },
        "discriminator": {"features": [64, 128, 256, 512]},
    },
    "generator_loss": {"adversarial": 1.0, "reconstruction": 100.0, "identity": 1.0},
    "discriminator_loss": {"adversarial": 1.0},
    "reconstruction_loss": {"norm": "l1"},
    "identity_loss": {"encoder": ENCODER, "frames": [7, 15, 23, 31], "norm": "l1"},
    "generator_optimizer": ADAM,
    "discriminator_optimizer": ADAM,
    "log_every": 100,
    "sample_every": 1000,
    "checkpoint_every": 1000,
    "num_samples": 6,
    "eval": {
        "split": "test",
        "batch_size": 16,
        "max_clips": 0,
        "metrics": ["psnr", "psnr_pooled", "ssim", "motion", "acd", "acd_i"],
        "masked": True,
        "identity_pairs": "consecutive",
        "identity_distance": "l2",
        "embedder": {"name": "openface", "features": "embedding"},
        "classifier_steps": 0,
    },
}
"""What the first version wrote."""


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(FIRST))
    return tmp_path


def same_experiment():
    """The same as FIRST, as a config file of this version gives it."""
    config = base.get_config()
    config.data.dataset = "mug/paper"
    config.model.identity_encoder = base.vgg16()
    config.identity_loss.encoder = base.vgg16()
    return config


def test_a_config_of_the_first_version_has_the_fields_of_this_one(workdir):
    config = read_config(workdir)
    check_config(config)
    assert (config.microbatches, config.rule.order, config.data.window) == (1, "simultaneous", 0)
    assert set(config.eval.metrics) == set(base.get_config().eval.metrics)


def test_an_added_field_that_differs_from_what_was_done_is_refused(workdir):
    config = same_experiment()
    config.rule.order, config.microbatches = "discriminator_first", 2
    with pytest.raises(UserError, match=r"microbatches is 1 there and 2 here; rule\.order is"):
        find_changes(config, workdir)


def test_the_first_version_goes_on(workdir):
    config = same_experiment()
    # What the loop writes of the data set, and the first version did not.
    config.data.shapes = {"video": ((32, 64, 64, 3), "uint8"), "label": ((), "int32")}
    changed = {change["field"] for change in find_changes(config, workdir)}
    assert changed == {"data.cache_gib", "eval.metrics"}
    keep_config(config, workdir, step=5)
    kept = json.loads((workdir / "config.json").read_text())
    assert kept["version"] == VERSION
    assert kept["data"]["shapes"]["label"] == [[], "int32"]


def test_a_run_on_pairs_of_version_2_can_be_opened(tmp_path):
    config = motion_modes.get_config()
    keep_config(config, tmp_path)
    kept = json.loads((tmp_path / "config.json").read_text())
    del kept["data"]["shapes"]["mouth"], kept["data"]["shapes"]["tooth"]
    (tmp_path / "config.json").write_text(json.dumps(kept | {"version": 2}))
    shapes = read_config(tmp_path).data.shapes
    assert list(shapes.mouth) == [[64, 64, 1], "uint8"]
    assert list(shapes.tooth) == [[64, 64, 2], "float16"]
    assert not find_changes(config, tmp_path)


def test_a_set_of_other_features_is_refused(tmp_path):
    config = same_experiment()
    config.data.shapes = {"video": ((32, 64, 64, 3), "uint8")}
    keep_config(config, tmp_path)
    config.data.shapes.video = ((16, 64, 64, 3), "uint8")
    with pytest.raises(UserError, match=r"data\.shapes\.video"):
        find_changes(config, tmp_path)


def test_a_config_of_a_later_version_asks_for_an_update(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(FIRST | {"version": VERSION + 1}))
    with pytest.raises(UserError, match=f"of version {VERSION + 1}.*update the package"):
        read_config(tmp_path)
