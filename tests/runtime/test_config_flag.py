import sys
from unittest import mock

import pytest
from absl import flags

from fevgan_jax.runtime import config_flag
from fevgan_jax.runtime.errors import UserError


def test_a_bare_name_and_a_path_name_the_same_config():
    by_name = config_flag.find("ablation/without_spatial_encoder")
    assert by_name == config_flag.find(str(by_name))
    assert by_name.name == "without_spatial_encoder.py"


def test_a_checkout_path_works_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_flag.find("configs/demo.py").is_file()


def test_an_unknown_config_lists_those_that_ship():
    with pytest.raises(UserError, match=r"no config 'demoo'.*demo"):
        config_flag.find("demoo")


def parse(path, *arguments):
    """The config that a command's own flag gives for these arguments."""
    values = flags.FlagValues()
    with mock.patch.object(sys, "argv", ["program", f"--config={path}", *arguments]):
        config_flag.define("config", "the experiment", values)
        values(sys.argv)
    return values["config"].value


def test_what_follows_a_colon_is_the_files_own_argument():
    for name in ("tables", "configs/tables.py"):
        assert parse(f"{name}:small/vgan").model.name == "fevgan_jax.models.vgan"
    assert parse("tables:small/vgan", "--config.batch_size=3").batch_size == 3
    with pytest.raises(UserError, match="no run 'small/gan'"):
        parse("tables:small/gan")
    with pytest.raises(UserError, match="no config 'table'"):
        parse("table:small/vgan")


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--config.batchsize=3", "config has no field 'batchsize': did you mean 'batch_size'"),
        ("--config.modl.name=x", "config has no field 'modl': did you mean 'model'"),
        ("--config.eval.max_clip=3", "config.eval has no field 'max_clip': did you mean 'max_c"),
        ("--config.generator_loss.zzz=all", "config.generator_loss has no field 'zzz': it is one"),
        ("--config.generator_loss.zzz.x=1", "config.generator_loss has no field 'zzz': it is one"),
        ("--noconfig.remt", "config has no field 'remt': did you mean 'remat'"),
        ("--config.seed.x=3", "config.seed is 0 and has no fields"),
    ],
)
def test_an_unknown_field_is_one_sentence_with_the_nearest_name(argument, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        parse("demo", argument)
    assert "\n" not in str(caught.value)


def test_fields_of_a_flag_file_are_checked_too(tmp_path):
    file = tmp_path / "flags"
    file.write_text("--config.batchsize=3\n")
    with pytest.raises(UserError, match="batch_size"):
        parse("demo", f"--flagfile={file}")


@pytest.mark.parametrize("argument", ["--config.batch_size=many", "--config.remat=maybe"])
def test_a_value_of_another_type_is_refused_by_name(argument):
    with pytest.raises(flags.Error, match=argument.partition("=")[0]):
        parse("demo", argument)


def test_a_field_is_overridden():
    given = ("--config.data.frames=(0, 31)", "--config.batch_size=3", "--config.remat")
    config = parse("demo", *given)
    assert (config.data.frames, config.batch_size, config.remat) == ((0, 31), 3, True)


def test_a_learning_rate_that_is_a_number_is_overridden_by_a_number(tmp_path):
    config = parse("demo", "--config.generator_optimizer.learning_rate=1e-3")
    assert config.generator_optimizer.learning_rate == 1e-3
    file = tmp_path / "mine.py"
    file.write_text(
        "from fevgan_jax.configs import demo\ndef get_config():\n    config = demo.get_config()\n"
        "    schedule = {'name': 'constant_schedule', 'value': 1.0}\n"
        "    config.discriminator_optimizer.learning_rate = schedule\n    return config\n"
    )
    config = parse(file, "--config.discriminator_optimizer.learning_rate.value=1e-3")
    assert config.discriminator_optimizer.learning_rate.value == 1e-3


def test_a_section_of_numbers_takes_another_one():
    given = ("--config.generator_loss.identity=20", "--config.generator_optimizer.l2=1e-5")
    config = parse("motion_modes", *given)
    assert (config.generator_loss.identity, config.generator_optimizer.l2) == (20.0, 1e-5)
    assert config.generator_loss.flow == 150.0
    apart = parse("motion_modes", "--config.generator_loss.identity", "20")
    assert apart.generator_loss.identity == 20.0


def test_a_number_replaces_a_schedule():
    config = parse("motion_modes", "--config.generator_optimizer.learning_rate=2e-4")
    assert config.generator_optimizer.learning_rate == 2e-4
    config = parse("motion_modes", "--config.generator_optimizer.name=3")
    assert config.generator_optimizer.name == "3"


def test_a_config_file_that_fails_is_named_with_its_line(tmp_path):
    file = tmp_path / "mine.py"
    for line, named in (
        ("config.data.window = 'all'", "line 4 is not a config .TypeError: .*window"),
        ("config.modle.name = 'x'", "line 4 is not a config .AttributeError: .*modle"),
        ("import nothing_like_it", "line 4 is not a config .ModuleNotFoundError: .*nothing_like"),
        ("config = (", "is not a config .SyntaxError"),
    ):
        file.write_text(
            "from fevgan_jax.configs import demo\ndef get_config():\n"
            f"    config = demo.get_config()\n    {line}\n    return config\n"
        )
        with pytest.raises(UserError, match=f"mine.py.*{named}") as caught:
            parse(file)
        assert "\n" not in str(caught.value)
