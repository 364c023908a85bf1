"""What is measured of all clips together: distances between two sets of features.

A metric is a function of the features of the real and of the generated clips, each `[N, ...]`, and
of weights `[N]`, how often each clip counts, which is how it is resampled over subjects.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from fevgan_jax.metrics import frechet


@dataclasses.dataclass(frozen=True)
class SetMetric:
    """One number a set of clips.

    Attributes:
      function: `(real, fake, weights) -> float`.
      needs: which features it compares, a need of `clip_metrics`.
      protocol: how the number is made, in words that travel with it.
    """

    function: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    needs: str
    protocol: str


def _frechet_face(real: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> float:
    """Of embeddings `[N, T, D]`: every frame is one sample."""
    frames = np.repeat(weights, real.shape[1])
    return frechet.distance(
        *(frechet.moments(part.reshape(-1, part.shape[-1]), frames) for part in (real, fake))
    )


SET_METRICS: dict[str, SetMetric] = {
    "frechet_face": SetMetric(
        _frechet_face,
        "embeddings",
        "squared Fréchet distance of the embedder's features of all frames, real and generated, "
        "as Gaussians; it falls with the number of clips",
    ),
}
