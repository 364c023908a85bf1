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


def test_muon_moves_a_kernel_by_an_orthogonal_matrix_and_a_bias_by_adam():
    updates = first_updates(name="muon", learning_rate=0.5)
    matrix = np.reshape(updates["kernel"], (-1, 16))
    values = np.linalg.svd(matrix, compute_uv=False)
    # Five Newton-Schulz steps bring each singular value to 0.7 to 1.2 of its target.
    target = 0.5 * 0.2 * np.sqrt(4 * 4 * 8)
    assert 0.6 * target < values.min() and values.max() < 1.3 * target
    # So an entry is about a fifth of Adam's, whatever the kernel's shape.
    assert np.sqrt(np.mean(matrix**2)) == pytest.approx(0.5 * 0.2, rel=0.3)
    # One size for all entries: the rate, times 1.47 for Nesterov's look ahead.
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
