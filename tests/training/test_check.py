import runpy
import types

import pytest

from fevgan_jax.configs import base, demo, motion_modes
from fevgan_jax.runtime import config_flag
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.check import check_clips, check_config
from tests import tiny_config
from tests.families import landmark_critic, two_judges, two_stages

LINEAR = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0, "transition_steps": 10}


def changed(path, value):
    """The demo's config with one field of another value."""
    config = section = demo.get_config()
    *sections, name = path.split(".")
    for part in sections:
        section = section[part]
    with section.ignore_type():
        section[name] = value
    return config


@pytest.mark.parametrize("name", config_flag.shipped())
def test_every_shipped_config_passes(name):
    check_config(runpy.run_path(str(config_flag.find(name)))["get_config"]())


@pytest.mark.parametrize(
    "config",
    [
        tiny_config.get_config(),
        landmark_critic.get_config(),
        two_judges.get_config(),
        two_stages.get_config(1),
        two_stages.get_config(2),
    ],
)
def test_families_of_ones_own_pass(config):
    check_config(config)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        # kinds
        ("batch_size", 1.5, "config.batch_size is 1.5: give a whole number"),
        ("batch_size", True, "config.batch_size is True: give a whole number"),
        ("ema_decay", "0.9", "config.ema_decay is '0.9': give a number"),
        ("remat", 1, "config.remat is 1: give True or False"),
        ("data.dataset", None, "config.data.dataset is None: give a text"),
        ("data.frames", (0, "last"), r"config.data.frames is .*: give a list, each item a whole"),
        ("data.class_names", "anger", "config.data.class_names is 'anger': give a list, each ite"),
        ("eval", 3, "config.eval is 3: give a section"),
        ("num_steps", {"name": "x"}, "config.num_steps is a section: give a whole number"),
        # names of fields
        ("batchsize", 3, "config has no 'batchsize': did you mean 'batch_size'"),
        ("eval.max_clip", 3, "config.eval has no 'max_clip': did you mean 'max_clips'"),
        ("rule.critic_step", 3, "config.rule has no 'critic_step': did you mean 'critic_steps'"),
        ("identty_loss", {}, "config has no 'identty_loss': did you mean 'identity_loss'"),
        # ranges
        ("seed", -1, "config.seed is -1: give at least 0"),
        ("seed", 2**32, "give at least 0 and below 4294967296"),
        ("batch_size", 0, "config.batch_size is 0: give at least 1"),
        ("microbatches", 0, "config.microbatches is 0: give at least 1"),
        ("microbatches", 3, "config.batch_size is 16, which does not divide into 3 microbatches"),
        ("num_steps", 0, "config.num_steps is 0"),
        ("ema_decay", 1.0, "config.ema_decay is 1.0: give at least 0 and below 1"),
        ("log_every", 0, "config.log_every is 0"),
        ("sample_every", 0, "config.sample_every is 0"),
        ("checkpoint_every", 0, "config.checkpoint_every is 0"),
        ("checkpoint_minutes", -1.0, "config.checkpoint_minutes is -1.0"),
        ("num_samples", 0, "config.num_samples is 0"),
        ("data.window", -1, "config.data.window is -1"),
        ("rule.critic_steps", 0, "config.rule.critic_steps is 0"),
        ("eval.batch_size", 0, "config.eval.batch_size is 0"),
        ("eval.max_clips", -1, "config.eval.max_clips is -1"),
        ("eval.classifier_steps", -1, "config.eval.classifier_steps is -1"),
        # one of some words
        ("compute_dtype", "bfloat", "config.compute_dtype is 'bfloat': did you mean 'bfloat16'"),
        ("rule.order", "first", "config.rule.order is 'first'"),
        ("eval.metrics", ("psnr", "sim"), "config.eval.metrics is 'sim': did you mean 'ssim'"),
        ("eval.identity_pairs", "al", "config.eval.identity_pairs is 'al': did you mean 'all'"),
        ("eval.identity_distance", "L2", "config.eval.identity_distance is 'L2'"),
        ("reconstruction_loss.norm", "l3", "config.reconstruction_loss.norm is 'l3'"),
        # the family
        ("model.name", "fevgan_jax.models.fevgn", "did you mean 'fevgan_jax.models.fevgan'"),
        ("model.name", "", "config.model.name is ''"),
        ("model.name", "nowhere.at_all", "config.model.name is 'nowhere.at_all'"),
        ("model.name", "fevgan_jax.models.layers", "fevgan_jax.models.layers has no Generator"),
        ("model.generator.width", 3, "config.model.generator has no 'width'"),
        ("model.generator.key_frame", True, "no 'key_frame': did you mean 'key_frames'"),
        ("model.generator.key_frames", 1, "config.model.generator.key_frames is 1: give True"),
        ("model.discriminator.features", (8, "x"), "config.model.discriminator.features is"),
        ("model.discriminator.features", 8, "config.model.discriminator.features is 8: give a l"),
        ("augmentation.flip", True, "fevgan has no `augment`"),
        # losses
        ("generator_loss.identty", 1.0, "generator_loss has no 'identty': did you mean 'identity'"),
        ("discriminator_loss.identity", 1.0, "config.discriminator_loss has no 'identity'"),
        ("generator_loss.identity", "1", "config.generator_loss.identity is '1': give a number"),
        ("generator_loss.identity", LINEAR | {"name": "linear"}, "did you mean 'linear_schedule'"),
        (
            "generator_loss.identity",
            LINEAR | {"end": 1},
            "identity has no 'end': did you mean 'end",
        ),
        ("generator_loss.identity", {"name": "linear_schedule"}, "identity has no 'init_value'"),
        ("generator_loss.identity", {"value": 1}, "config.generator_loss.identity has no 'name'"),
        ("identity_loss.frame", (3,), "config.identity_loss has no 'frame': did you mean 'frames'"),
        ("identity_loss.frames", (0.5,), r"config.identity_loss.frames is \(0.5,\)"),
        ("identity_loss", {"norm": "l1", "frames": (3,)}, "identity_loss has no 'encoder'"),
        # optimizers and schedules
        ("generator_optimizer.name", "adm", "generator_optimizer.name is 'adm': did you mean 'ad"),
        ("generator_optimizer.name", "lbfgs", "generator_optimizer.name is 'lbfgs'"),
        ("generator_optimizer.b3", 0.9, "config.generator_optimizer has no 'b3': did you mean 'b"),
        ("generator_optimizer.clip_nrom", 1.0, "has no 'clip_nrom': did you mean 'clip_norm'?"),
        ("generator_optimizer.b1", "x", "config.generator_optimizer.b1 is 'x': give a number"),
        ("generator_optimizer.l2", -1.0, "config.generator_optimizer.l2 is -1.0: give at least 0"),
        ("generator_optimizer.clip_norm", LINEAR, "clip_norm is a section: give a number"),
        ("generator_optimizer.learning_rate", -1.0, "learning_rate is -1.0: give at least 0"),
        ("generator_optimizer.learning_rate", float("nan"), "learning_rate is nan: give at least"),
        (
            "discriminator_optimizer.learning_rate",
            {"name": "cosine_decay_schedule", "init_value": 1.0, "decay_steps": 0},
            "learning_rate: cosine_decay_schedule does not take these",
        ),
        (
            "generator_optimizer.learning_rate",
            {"name": "join_schedules", "boundaries": [3], "schedules": [LINEAR, {"name": "cosin"}]},
            "config.generator_optimizer.learning_rate.schedules.name is 'cosin'",
        ),
        ("generator_optimizer", {"name": "adam"}, "generator_optimizer has no 'learning_rate'"),
        # frozen nets
        ("eval.embedder.name", "openfce", "embedder.name is 'openfce': did you mean 'openface'"),
        ("eval.embedder.features", "pol", "config.eval.embedder.features is 'pol': did you mean"),
        ("model.identity_encoder.features", "pool4+fc9", "identity_encoder.features is 'fc9'"),
        ("identity_loss.encoder.layer", "x", "config.identity_loss.encoder has no 'layer'"),
        ("model.identity_encoder.features", "pool4+conv3_1", "vgg16 cannot be an encoder"),
        # parts
        ("freeze", "generator", "config.freeze is 'generator': give a list"),
        ("freeze", ("encoder",), "the first name of 'encoder' in config.freeze is 'encoder'"),
        ("initial_parts", {"gen/a": "generator/a"}, "'gen/a' in config.initial_parts is 'gen'"),
        ("initial_parts", {"generator/a": 3}, "config.initial_parts.* is 3: give a text"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(path, value, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        check_config(changed(path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("generator_optimizer.learning_rate", LINEAR),
        ("generator_optimizer.learning_rate", 0),
        ("generator_optimizer", {"name": "muon", "learning_rate": 1e-3, "ns_steps": 3}),
        ("generator_loss.identity", LINEAR),
        (
            "generator_optimizer.learning_rate",
            {"name": "join_schedules", "boundaries": [3], "schedules": [LINEAR, LINEAR]},
        ),
        ("model.identity_encoder", None),
        ("freeze", ("generator", "discriminator/layer_0")),
        ("initial_parts", {"generator/a": "generator/b"}),
        ("data.frames", (0, 31)),
    ],
)
def test_what_can_be_used_passes(path, value):
    check_config(changed(path, value))


def test_a_missing_field_is_named():
    config = demo.get_config()
    del config.eval.split
    with pytest.raises(UserError, match=r"config\.eval\.split is missing"):
        check_config(config)


def test_a_module_that_does_not_import_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_family.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"broken_family cannot be imported .*no_such_package"):
        check_config(changed("model.name", "broken_family"))


def test_augmentation_is_checked_by_the_familys_own_signature(monkeypatch):
    def augment(batch, keys, *, strength, flip=False):
        raise AssertionError("only its signature is read")

    monkeypatch.setattr(two_judges, "augment", augment, raising=False)
    config = two_judges.get_config()
    for given, sentence in (
        ({"strength": 1.0, "flop": True}, "config.augmentation has no 'flop': did you mean 'flip'"),
        ({"flip": True}, "config.augmentation has no 'strength'"),
        ({"strength": 1.0, "flip": 3}, "config.augmentation.flip is 3: give True or False"),
    ):
        config.augmentation = given
        with pytest.raises(UserError, match=sentence):
            check_config(config)
    config.augmentation = {"strength": 1.0}
    check_config(config)


def test_augmentation_with_open_settings_takes_any_name(monkeypatch):
    monkeypatch.setattr(two_judges, "augment", lambda batch, keys, **settings: batch, raising=False)
    config = two_judges.get_config()
    config.augmentation = {"anything": 1.0}
    check_config(config)


def test_a_rule_of_the_familys_own_has_fields_of_its_own(monkeypatch):
    config = two_judges.get_config()
    config.rule = {"order": "in_turn", "critic_steps": 1, "fresh_fakes": False, "stage": 2}
    with pytest.raises(UserError, match=r"config\.rule has no 'stage'"):
        check_config(config)
    monkeypatch.setattr(two_judges, "make_rule", types.FunctionType, raising=False)
    check_config(config)


@pytest.mark.parametrize(
    ("window", "frames", "sentence"),
    [
        (0, (7, 15, 23, 32), r"frames is \(7, 15, 23, 32\), and a generated clip has 32 frames"),
        (16, (7, 15, 23, 31), "a generated clip has 16 frames: give numbers from 0 to 15"),
        (16, (-17,), "a generated clip has 16 frames"),
        (33, (3,), "config.data.window is 33, and the clips of mug/paper have 32 frames"),
        (32, (-1, 31), None),
        (16, (15,), None),
    ],
)
def test_frames_lie_within_the_clip(window, frames, sentence):
    config = base.get_config()
    config.data.dataset = "mug/paper"
    config.data.shapes = {"video": ((32, 64, 64, 3), "uint8"), "label": ((), "int32")}
    config.data.window, config.identity_loss.frames = window, frames
    if sentence is None:
        return check_clips(config)
    with pytest.raises(UserError, match=sentence):
        check_clips(config)


def test_frames_of_a_term_that_is_not_computed_do_not_matter():
    config = base.get_config()
    config.data.shapes = {"video": ((2, 64, 64, 3), "uint8")}
    del config.generator_loss.identity
    check_clips(config)


def test_a_set_without_clips_has_no_frames_to_check():
    config = base.get_config()
    config.data.shapes = {"picture": ((64, 64, 3), "uint8")}
    check_clips(config)


def test_a_pair_has_one_frame():
    config = motion_modes.get_config()
    config.generator_loss.perceptual = 1.0
    check_clips(config)
    config.perceptual_loss.frames = (3,)
    with pytest.raises(UserError, match=r"perceptual_loss\.frames is \(3,\), and .* has 1 frames"):
        check_clips(config)
    config.data.window = 16  # the mask's rows are no frames
    with pytest.raises(UserError, match=r"window is 16, .*/pairs are no clips: leave it at 0"):
        check_clips(config)


def test_a_metric_may_need_longer_clips():
    config = base.get_config()
    del config.generator_loss.identity
    config.data.shapes = {"video": ((15, 64, 64, 3), "uint8")}
    check_clips(config)
    config.eval.metrics = ("fvd",)
    with pytest.raises(UserError, match="'fvd', which needs clips of 16 frames"):
        check_clips(config)
    config.eval.dataset = "another/set"  # whose clips are not known here
    check_clips(config)
