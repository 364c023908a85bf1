import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import base
from fevgan_jax.evaluation.measure import embed_frames


@pytest.mark.parametrize(
    ("features", "expected"), [(jnp.full((6, 4), 3.0), 3.0), (jnp.full((6, 2, 2, 4), 3.0), 0.5)]
)
def test_an_embedding_is_taken_as_it_is_and_maps_at_unit_length(monkeypatch, features, expected):
    monkeypatch.setattr(recognizers, "encode", lambda *_: features)
    video = jnp.zeros((2, 3, 8, 8, 3), jnp.uint8)
    embeddings = embed_frames(base.get_config().eval.embedder, {}, video)
    np.testing.assert_allclose(embeddings, np.full((2, 3, 4), expected))
