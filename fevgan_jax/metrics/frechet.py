"""The Fréchet distance between two sets of features, each taken as a Gaussian, in numpy.

FID's formula (Heusel et al. 2017); the name of a number that uses it says whose features they are.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Moments:
    """Sums over groups of samples, from which any weighting of the groups has its Gaussian at once.

    Attributes:
      center: `[D]`, subtracted from every sample, so that the sums are of small numbers.
      counts: `[G]`, samples in each group.
      sums: `[G, D]`.
      products: `[G, D, D]`, sums of outer products.
    """

    center: np.ndarray
    counts: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    def gaussian(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean `[D]` and covariance `[D, D]`, normalised by the number of samples less 1 (FID's).

        Args:
          weights: `[G]`, how often each group counts.
        """
        total = weights @ self.counts
        mean = weights @ self.sums / total
        products = np.tensordot(weights, self.products, axes=1)
        return self.center + mean, (products - total * np.outer(mean, mean)) / (total - 1)


def moments(features: np.ndarray, groups: Sequence[str]) -> Moments:
    """Sums features over groups.

    Args:
      features: `[N, D]`, or `[N, T, D]` where each example has T samples.
      groups: `[N]`, the group of each example; they come sorted by name.
    """
    features = np.asarray(features, np.float64)
    center = features.reshape(-1, features.shape[-1]).mean(0)
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    parts = [
        (features[index == group] - center).reshape(-1, len(center)) for group in range(len(names))
    ]
    return Moments(
        center,
        np.array([len(part) for part in parts], np.float64),
        np.stack([part.sum(0) for part in parts]),
        np.stack([part.T @ part for part in parts]),
    )


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
