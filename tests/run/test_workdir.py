import json

import pytest

from fevgan_jax.configs import demo
from fevgan_jax.run.workdir import keep_config, read_config
from fevgan_jax.runtime.errors import UserError


def test_a_config_comes_back_as_it_was_kept(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path)
    assert json.loads(read_config(tmp_path).to_json()) == json.loads(config.to_json())


def test_the_same_experiment_may_go_on_for_longer(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path)
    config.num_steps += 1
    keep_config(config, tmp_path)
    assert read_config(tmp_path).num_steps == config.num_steps


def test_the_data_may_lie_elsewhere(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path)
    config.data.on_device, config.data.data_dir = True, "elsewhere"
    keep_config(config, tmp_path)
    assert read_config(tmp_path).data.on_device


def test_another_experiment_is_refused_and_the_old_config_stays(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path)
    config.model.generator.decoder_features = (8, 8, 8, 8)
    with pytest.raises(UserError, match=r"model\.generator\.decoder_features"):
        keep_config(config, tmp_path)
    assert list(read_config(tmp_path).model.generator.decoder_features) != [8, 8, 8, 8]


def test_what_is_no_workdir_is_named(tmp_path):
    with pytest.raises(UserError, match="is no workdir"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"seed":')
    with pytest.raises(UserError, match=r"config\.json is broken"):
        read_config(tmp_path)
