"""The Fréchet distance between two sets of features, each taken as a Gaussian, in numpy.

FID's formula (Heusel et al. 2017); the name of a number that uses it says whose features they are.
"""

import numpy as np


def moments(features: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of weighted features.

    Args:
      features: `[N, D]`.
      weights: `[N]`, 0 or more: how often each counts.

    Returns:
      Mean `[D]` and covariance `[D, D]`, normalised by the sum of the weights less 1 (as FID's
      `numpy.cov` is).
    """
    features = np.asarray(features, np.float64)
    total = weights.sum()
    mean = weights @ features / total
    centered = features - mean
    return mean, (centered * weights[:, None]).T @ centered / (total - 1)


def distance(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """The squared Fréchet distance of two Gaussians.

    Args:
      first: mean `[D]` and covariance `[D, D]`.
      second: the same of the other.

    Returns:
      `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`, 0 or more.
    """
    (mean1, covariance1), (mean2, covariance2) = first, second
    values, vectors = np.linalg.eigh(covariance1)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    # The trace of a root is the sum of the roots of the eigenvalues, here of a symmetric matrix
    # that has those of C1 C2.
    shared = np.linalg.eigvalsh(root @ covariance2 @ root)
    overlap = np.sqrt(np.clip(shared, 0.0, None)).sum()
    spread = np.trace(covariance1) + np.trace(covariance2) - 2 * overlap
    return float(np.square(mean1 - mean2).sum() + max(spread, 0.0))
