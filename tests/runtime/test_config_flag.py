import pytest

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
