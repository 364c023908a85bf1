import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from fevgan_jax.configs import base
from fevgan_jax.training.optimizers import make_optimizer

KERNEL = jax.random.normal(jax.random.key(0), (1, 4, 4, 8, 16))
PARAMS = {"kernel": jnp.zeros_like(KERNEL), "bias": jnp.zeros(16)}
GRADIENT = {"kernel": KERNEL, "bias": jnp.linspace(-1.0, 1.0, 16)}


def first_updates(**config):
    optimizer = make_optimizer(ml_collections.ConfigDict(config))
    return optimizer.update(GRADIENT, optimizer.init(PARAMS), PARAMS)[0]


def test_an_optax_optimizer_takes_the_rest_of_the_config_as_arguments():
    updates = first_updates(**base.adam().to_dict() | {"learning_rate": 0.5})
    np.testing.assert_allclose(updates["kernel"], -0.5 * np.sign(KERNEL), rtol=1e-3)


def test_muon_updates_a_kernel_by_an_orthogonal_matrix_and_a_bias_by_adam():
    updates = first_updates(name="muon", learning_rate=0.5)
    matrix = np.reshape(updates["kernel"], (-1, 16))
    values = np.linalg.svd(matrix, compute_uv=False)
    # Five Newton-Schulz steps give singular values of 0.7 to 1.2 times the target.
    target = 0.5 * 0.2 * np.sqrt(4 * 4 * 8)
    assert 0.6 * target < values.min() and values.max() < 1.3 * target
    # An entry is about a fifth of Adam's, for any shape of the kernel.
    assert np.sqrt(np.mean(matrix**2)) == pytest.approx(0.5 * 0.2, rel=0.3)
    # All entries have one size: the rate, times 1.47 by Nesterov's momentum.
    np.testing.assert_allclose(
        updates["bias"], -0.737 * np.sign(GRADIENT["bias"]), rtol=1e-2, atol=1e-6
    )


def test_a_learning_rate_may_be_a_schedule_by_name():
    schedule = {"name": "cosine_decay_schedule", "init_value": 0.5, "decay_steps": 2}
    optimizer = make_optimizer(
        ml_collections.ConfigDict({"name": "sgd", "learning_rate": schedule})
    )
    state, seen = optimizer.init(PARAMS), []
    for _ in range(3):
        updates, state = optimizer.update(GRADIENT, state, PARAMS)
        seen.append(float(updates["bias"][0]))
    np.testing.assert_allclose(seen, [0.5, 0.25, 0.0], atol=1e-6)


def test_every_optimizer_takes_weight_decay_and_a_largest_norm():
    config = {"name": "sgd", "learning_rate": 1.0}
    params = jax.tree.map(jnp.ones_like, PARAMS)
    optimizer = make_optimizer(ml_collections.ConfigDict(config | {"l2": 0.5}))
    updates, _ = optimizer.update(GRADIENT, optimizer.init(params), params)
    np.testing.assert_allclose(updates["bias"], -(GRADIENT["bias"] + 0.5), rtol=1e-6)
    updates = first_updates(**config | {"clip_norm": 0.1})
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(updates)))
    assert norm == pytest.approx(0.1, rel=1e-5)


def test_a_frozen_part_is_unchanged_and_has_no_state():
    config = base.adam()
    optimizer = make_optimizer(config, {"kernel": True, "bias": False})
    state = optimizer.init(PARAMS)
    updates, _ = optimizer.update(GRADIENT, state, PARAMS)
    assert not np.any(updates["kernel"])
    assert np.all(updates["bias"] != 0)
    assert not any(leaf.shape == KERNEL.shape for leaf in jax.tree.leaves(state))
