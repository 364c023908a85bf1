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
      gain: how much nearer the system's mean lies to the metric's best value.
    """

    estimate: statistics.Estimate
    gain: statistics.Estimate

    @property
    def mark(self) -> str:
        """▲ where the system is significantly better, ▼ where it is worse, else nothing."""
        if self.gain.low > 0:
            return "▲"
        return "▼" if self.gain.high < 0 else ""


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
        pair = ours[name][here], theirs[name][there], ours["subject"][here]
        settings = {"scale": metric.scale, "seed": row.config.eval.seed}
        estimate = statistics.paired_difference(*pair, **settings)
        if estimate.clips:
            gain = statistics.paired_gain(*pair, best=metric.best, **settings)
            found[name] = Difference(estimate, gain)
    return found
