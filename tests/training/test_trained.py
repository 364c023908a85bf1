"""trained.py: what is read of a run to sample from it."""

import jax
import numpy as np
import pytest

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
