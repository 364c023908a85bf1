"""metrics/identity.py against plain loops."""

import jax
import numpy as np
import pytest

from fevgan_jax.metrics import identity


@pytest.fixture(scope="module")
def embeddings():
    return np.random.default_rng(0).standard_normal((3, 5, 8)).astype(np.float32)


def mean_over(pairs, squared):
    lengths = [np.linalg.norm(a - b) for a, b in pairs]
    return np.mean([length**2 if squared else length for length in lengths])


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("pairs", ["consecutive", "all"])
def test_acd_equals_a_loop(embeddings, pairs, squared):
    frames = range(embeddings.shape[1])
    chosen = [(i, j) for i in frames for j in frames if i < j and (pairs == "all" or j == i + 1)]
    expected = [mean_over([(e[i], e[j]) for i, j in chosen], squared) for e in embeddings]
    acd = jax.jit(identity.acd, static_argnames=("pairs", "squared"))
    np.testing.assert_allclose(acd(embeddings, pairs=pairs, squared=squared), expected, rtol=1e-5)


@pytest.mark.parametrize("squared", [False, True])
def test_acd_i_equals_a_loop(embeddings, squared):
    images = embeddings[::-1, 0] + 1
    expected = [
        mean_over([(frame, image) for frame in clip], squared)
        for clip, image in zip(embeddings, images, strict=True)
    ]
    np.testing.assert_allclose(identity.acd_i(embeddings, images, squared), expected, rtol=1e-5)


def test_a_still_clip_has_no_drift(embeddings):
    still = np.repeat(embeddings[:, :1], 4, axis=1)
    assert (identity.acd(still) == 0).all()
    assert (identity.acd(still, pairs="all") == 0).all()
    assert (identity.acd_i(still, still[:, 0]) == 0).all()


def test_acd_refuses_unknown_pairs(embeddings):
    with pytest.raises(ValueError, match="consecutive"):
        identity.acd(embeddings, pairs="some")


def test_retrieval_counts_the_nearest():
    # Of unlike lengths, so that the largest dot product is not the smallest distance.
    gallery = np.array([[0.0, 0], [1, 0], [0, 10]], np.float32)
    query = np.array([[0.1, 0], [0.9, 0.1], [0, 9], [0.2, 0.3]], np.float32)
    assert identity.retrieval(query, gallery, np.array([0, 1, 2, 0])) == 1
    assert identity.retrieval(query, gallery, np.array([0, 1, 2, 1])) == 0.75
