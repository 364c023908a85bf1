"""metrics/frechet.py against closed forms and SciPy's matrix root."""

import numpy as np
import pytest
import scipy.linalg

from fevgan_jax.metrics import frechet


def test_gaussians_that_share_their_axes_have_a_closed_form():
    mean = np.array([1.0, -2.0, 0.5])
    first, second = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25])
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    covariances = [(rotation * spread) @ rotation.T for spread in (first, second)]
    got = frechet.distance((mean, covariances[0]), (np.zeros(3), covariances[1]))
    expected = (mean**2).sum() + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert got == pytest.approx(expected)


def test_any_gaussians_equal_the_matrix_root():
    random = np.random.default_rng(1)
    sides = [(random.normal(size=5), np.cov(random.normal(size=(5, 20)))) for _ in range(2)]
    (mean1, covariance1), (mean2, covariance2) = sides
    root = scipy.linalg.sqrtm(covariance1 @ covariance2).real
    expected = ((mean1 - mean2) ** 2).sum() + np.trace(covariance1 + covariance2 - 2 * root)
    assert frechet.distance(*sides) == pytest.approx(expected)
    assert frechet.distance(*sides[::-1]) == pytest.approx(expected)


def test_a_set_is_no_distance_from_itself_even_with_fewer_samples_than_features():
    features = np.random.default_rng(2).normal(size=(4, 9))
    gaussian = frechet.moments(features, list("aabb")).gaussian(np.ones(2))
    assert frechet.distance(gaussian, gaussian) == pytest.approx(0.0, abs=1e-6)


def test_moments_are_numpys_for_every_weighting_of_the_groups():
    features = 1000 + np.random.default_rng(3).normal(size=(6, 5, 4))
    groups, weights = ["b", "a", "c", "a", "b", "c"], np.array([2, 1, 0])
    rows = np.concatenate([features[index] for index in (1, 3, 1, 3, 0, 4)])
    mean, covariance = frechet.moments(features, groups).gaussian(weights)
    np.testing.assert_allclose(mean, rows.mean(0))
    np.testing.assert_allclose(covariance, np.cov(rows.T), atol=1e-9)


def test_samples_of_gaussians_come_near_their_distance():
    random = np.random.default_rng(4)
    sides = random.normal(0.0, 1.0, (20_000, 3)), random.normal(1.0, 2.0, (20_000, 3))
    gaussians = (frechet.moments(side, ["a"] * 20_000).gaussian(np.ones(1)) for side in sides)
    assert frechet.distance(*gaussians) == pytest.approx(3 * 1.0 + 3 * (2 - 1) ** 2, rel=0.05)
