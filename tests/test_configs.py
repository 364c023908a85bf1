import json
import runpy

import jax
import ml_collections
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import base, mug
from fevgan_jax.configs.ablation import without_identity_encoder, without_spatial_encoder
from fevgan_jax.run.workdir import plain
from fevgan_jax.runtime import config_flag
from fevgan_jax.training import released
from fevgan_jax.training.check import check_config
from fevgan_jax.training.family import frozen_encoders
from fevgan_jax.training.optimizers import make_schedule
from fevgan_jax.training.state import frozen_parts
from fevgan_jax.training.step import make_train_step
from tests import experiments


def load(name):
    return runpy.run_path(str(config_flag.find(name)))["get_config"]()


def test_every_shipped_config_takes_two_steps(random_nets):
    taken = {}
    for name in config_flag.shipped():
        config = experiments.narrow(load(name))
        config.data.dataset = "any"
        experiment = json.dumps(plain(config))
        # Configs that differ only in the data set take the same steps.
        values = taken[experiment] = taken.get(experiment) or two_steps(config)
        assert all(np.isfinite(value) for value in values.values()), name
        assert {f"generator_{term}" for term in config.generator_loss} <= set(values), name


def two_steps(config):
    frozen, _ = recognizers.load(frozen_encoders(config), None)
    family, state = experiments.start(config)
    step = jax.jit(make_train_step(config, family))
    for _ in range(2):
        state = step(state, frozen, experiments.batch_for(config, family))
    return state.metrics.compute()


@pytest.mark.parametrize("name", config_flag.shipped())
def test_a_shipped_config_has_the_fields_of_base(name):
    ours, theirs = plain(base.get_config()), plain(load(name))
    own = {f"{term}_loss" for term in theirs["generator_loss"]} - set(ours)
    assert set(theirs) - own == set(ours)
    assert set(theirs["eval"]) == set(ours["eval"])


@pytest.mark.parametrize("name", config_flag.shipped())
@pytest.mark.parametrize("form", [dict, ml_collections.ConfigDict])
def test_a_rate_and_a_weight_may_be_a_schedule_instead(name, form):
    schedule = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0}
    config = load(name)
    for section in (config.generator_loss, config.discriminator_loss):
        for term in section:
            section[term] = form(schedule | {"transition_steps": 10})
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = form(schedule | {"transition_steps": 10})
    check_config(config)
    for weight in config.generator_loss.values():
        assert make_schedule(weight)(5) == pytest.approx(0.5)


def test_motion_modes_of_128_pixels_train_what_those_of_64_do_not_have():
    config = load("motion_modes_128")
    _, state = experiments.start(config)
    params = released.start_from(config, state).generator.params
    detail = params["fields"].pop("detail")
    assert detail.keys() == {"stem", "block", "heads"}
    jax.tree.map(
        np.testing.assert_array_equal, params, released.generator("motion_modes")[1]["params"]
    )
    frozen = frozen_parts(config, "generator", state.generator.params)
    assert not any(jax.tree.leaves(frozen["fields"].pop("detail")))
    assert all(jax.tree.leaves(frozen))


def test_an_ablation_changes_one_field_and_keeps_the_losses():
    full = mug.get_config()
    for ablation, changed in (
        (without_spatial_encoder, ("generator", "encoder_features")),
        (without_identity_encoder, ("identity_encoder",)),
    ):
        config = ablation.get_config()
        assert config.generator_loss == full.generator_loss
        assert config.identity_loss == full.identity_loss
        model, reference = plain(config)["model"], plain(full)["model"]
        for field in changed[:-1]:
            model, reference = model[field], reference[field]
        assert model.pop(changed[-1]) != reference.pop(changed[-1])
        assert model == reference
