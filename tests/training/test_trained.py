"""trained.py: what is read of a run to sample from it."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.run.workdir import keep_config
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import trained
from tests import experiments


@pytest.mark.parametrize("ema_decay", [0.99, 0.0])
def test_only_what_samples_is_read(tmp_path, ema_decay):
    config = experiments.without_frozen_nets()
    config.ema_decay = ema_decay
    saved = experiments.untrained_run(config, tmp_path)
    sampler, whole = trained.load(tmp_path).state, trained.load(tmp_path, sampling_only=False).state

    jax.tree.map(np.testing.assert_array_equal, sampler.sampler.variables, saved.sampler.variables)
    assert (sampler.step, sampler.key) == (saved.step, saved.key)
    values = sum(leaf.size for leaf in jax.tree.leaves(saved.sampler.variables))
    assert sum(leaf.size for leaf in jax.tree.leaves(sampler)) == values + 2
    assert jax.tree.structure(whole) == jax.tree.structure(saved)


def test_a_checkpoint_of_another_generator_is_told_apart(tmp_path):
    config = experiments.without_frozen_nets()
    experiments.untrained_run(config, tmp_path)
    config.model.generator.decoder_features = (8, 8, 8, 4)
    keep_config(config, tmp_path / "other")
    (tmp_path / "config.json").write_text((tmp_path / "other" / "config.json").read_text())
    with pytest.raises(UserError, match=r"another model .*decoder_2"):
        trained.load(tmp_path)


def _save(workdir, step, state):
    with Checkpoints(workdir) as checkpoints:
        checkpoints.save(step, state, {})


def test_weights_that_are_not_finite_are_refused(tmp_path):
    config = experiments.without_frozen_nets()
    config.ema_decay = 0.0
    state = experiments.untrained_run(config, tmp_path)
    averages = jax.tree.map(lambda x: x.at[0].set(jnp.nan), state.generator.statistics)
    generator = state.generator.replace(statistics=averages)
    _save(tmp_path, 1, state.replace(step=jnp.int32(1), generator=generator))
    with pytest.raises(
        UserError, match=r"generator\.statistics\.batch_stats\.\S+ is not finite in"
    ):
        trained.load(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / "1")
    assert int(trained.load(tmp_path).state.step) == 0


@pytest.mark.parametrize("sampling_only", [True, False])
@pytest.mark.parametrize("ema_decay", [0.99, 0.0])
def test_a_checkpoint_of_version_1_is_read(tmp_path, ema_decay, sampling_only):
    config = experiments.without_frozen_nets()
    config.ema_decay = ema_decay
    state = experiments.untrained_run(config, tmp_path)
    there = {name: getattr(state, name) for name in ("generator", "discriminator", "average")}
    bare = {
        name: weights.replace(statistics=weights.statistics["batch_stats"])
        for name, weights in there.items()
        if weights
    }
    _save(tmp_path, 1, state.replace(step=jnp.int32(1), **bare))
    experiments.forget_layout(tmp_path / "checkpoints" / "1")

    read = trained.load(tmp_path, sampling_only=sampling_only).state
    assert int(read.step) == 1
    jax.tree.map(np.testing.assert_array_equal, read.sampler.variables, state.sampler.variables)
    if not sampling_only:
        assert jax.tree.structure(read) == jax.tree.structure(state)
        jax.tree.map(np.testing.assert_array_equal, read.discriminator, state.discriminator)


def test_a_config_that_cannot_be_used_is_named(tmp_path):
    config = experiments.without_frozen_nets()
    config.compute_dtype = "float8"
    keep_config(config, tmp_path)
    with pytest.raises(UserError, match=r"config\.compute_dtype is 'float8'"):
        trained.load(tmp_path)
