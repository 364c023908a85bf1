"""What is measured of all clips together: distances between two sets of features.

A metric is made for the features of the real and of the generated clips, each `[N, ...]`, and the
subject of each clip; it is then a function of how often each subject counts, `[S]` in the order of
their names, which is how its interval is found.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from fevgan_jax.metrics import frechet

Statistic = Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class SetMetric:
    """One number a set of clips.

    Attributes:
      make: `(real, fake, subjects) -> (weights -> float)`.
      needs: which features it compares, a need of `clip_metrics`.
      protocol: how the number is made, in words that travel with it.
    """

    make: Callable[[np.ndarray, np.ndarray, Sequence[str]], Statistic]
    needs: str
    protocol: str


def _frechet(real: np.ndarray, fake: np.ndarray, subjects: Sequence[str]) -> Statistic:
    sides = [frechet.moments(features, subjects) for features in (real, fake)]
    return lambda weights: frechet.distance(*(side.gaussian(weights) for side in sides))


SET_METRICS: dict[str, SetMetric] = {
    "frechet_face": SetMetric(
        _frechet,
        "embeddings",
        "squared Fréchet distance of the embedder's features of all frames, real and generated, "
        "as Gaussians; it falls with the number of clips",
    ),
}
