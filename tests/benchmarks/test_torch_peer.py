"""benchmarks/speed/torch_peer.py: it computes the same step as ours."""

import jax
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import demo
from tests import experiments

pytest.importorskip("torch", reason="the peer is the extra [bench]")

from benchmarks.speed import torch_peer
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics, make_train_step


@pytest.mark.parametrize("compiled", [False, True])
def test_its_losses_and_updates_equal_ours(random_nets, compiled):
    config = experiments.narrow(demo.get_config())
    config.identity_loss.frames = (7, 31)
    frozen, _ = recognizers.load(frozen_encoders(config), None)
    family = build_family(config)
    metrics = make_metrics(config, family)
    state = jax.jit(lambda: init_state(config, family, metrics))()
    peer = torch_peer.Peer(
        config,
        {"generator": state.generator.params, "discriminator": state.discriminator.params},
        frozen,
        compiled,
    )
    step = jax.jit(make_train_step(config, family))
    # Adam's first step is the gradient's sign, which is arbitrary where it is nearly zero.
    for seed, tolerance in ((0, 1e-4), (1, 1e-2), (2, 1e-2)):
        batch = experiments.random_batch(3, seed)
        state = step(state.replace(metrics=metrics.empty()), frozen, batch)
        ours, theirs = state.metrics.compute(), peer.step(batch)
        assert set(theirs) < set(ours)
        for name, value in theirs.items():
            np.testing.assert_allclose(float(value), float(ours[name]), rtol=tolerance)
