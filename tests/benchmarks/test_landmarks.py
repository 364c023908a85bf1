"""benchmarks/quality/landmarks.py: motions of landmarks, and pictures of given ones."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def landmarks(monkeypatch):
    folder = pathlib.Path(__file__).parents[2] / "benchmarks" / "quality"
    monkeypatch.syspath_prepend(str(folder))
    import landmarks

    return landmarks


def test_a_face_that_only_moves_and_grows_stands_still(landmarks):
    shape = jax.random.normal(jax.random.key(0), (1, 1, 68, 2))
    steps = jnp.arange(4.0)[None, :, None, None]
    moved = (1.0 + 0.1 * steps) * shape + 3.0 * steps + 20.0
    still = landmarks.without_place_and_size(moved)
    np.testing.assert_allclose(still, jnp.broadcast_to(moved[:, :1], moved.shape), atol=1e-4)
    speaks = moved.at[:, 2, 60:].add(1.0)
    assert np.abs(landmarks.without_place_and_size(speaks)[:, 2] - still[:, 2]).max() > 0.5
