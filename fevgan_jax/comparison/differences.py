"""How far a system lies from the reference on the same clips, and whether that is chance."""

import dataclasses

import numpy as np

from fevgan_jax.comparison.rows import Row, is_paired
from fevgan_jax.metrics import statistics


@dataclasses.dataclass(frozen=True)
class Difference:
    """A metric's mean of a system, less that of the reference.

    Attributes:
      estimate: with its interval over subjects.
      is_nearer: whether the system's mean is the nearer one to the metric's best value.
    """

    estimate: statistics.Estimate
    is_nearer: bool

    @property
    def mark(self) -> str:
        """▲ where the system is significantly better, ▼ where it is worse, else nothing."""
        if not self.estimate.low * self.estimate.high > 0:  # NaN too
            return ""
        return "▲" if self.is_nearer else "▼"


def of_row(row: Row, reference: Row) -> dict[str, Difference]:
    """The differences from the reference by metric, paired by clip.

    Metrics of the whole set have no pairs; two systems that do not make the same clips have none.

    Args:
      row: an evaluated system.
      reference: another one.
    """
    if row is reference or not is_paired(row, reference):
        return {}
    ours, theirs = row.result.clips(), reference.result.clips()
    _, here, there = np.intersect1d(ours["clip"], theirs["clip"], return_indices=True)
    found = {}
    for name, metric in row.clip_metrics.items():
        pair = ours[name][here], theirs[name][there]
        estimate = statistics.paired_difference(
            *pair, ours["subject"][here], scale=metric.scale, seed=row.config.eval.seed
        )
        means = [row.estimates[name]["mean"], reference.estimates[name]["mean"]]
        if None in means:
            continue
        distances = [abs(mean - metric.best) for mean in means]
        found[name] = Difference(estimate, distances[0] < distances[1])
    return found
