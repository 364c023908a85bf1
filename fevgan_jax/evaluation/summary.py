"""From the values of clips to means with intervals, over all clips and over each expression's."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fevgan_jax.evaluation.measure import ROWS, Measured
from fevgan_jax.evaluation.protocol import Asked
from fevgan_jax.metrics import statistics

OVERALL = "overall"


def summarise(
    measured: Measured, metrics: Asked, class_names: Sequence[str], seed: int
) -> dict[str, Any]:
    """Sums up an evaluation.

    Args:
      measured: the values of all clips.
      metrics: what was measured.
      class_names: the expressions, in the order of the labels.
      seed: of the resampling.

    Returns:
      `groups[group]`, where a group is `overall` or an expression that occurs, with its `clips` and
      `subjects`; `rows[row][group][metric]` with `mean`, `low` and `high` (None where undefined)
      and the `clips` and `subjects` for which the metric is defined; `frames_left_out[metric]`,
      frames with an empty mask and the clips that have any. Metrics of the whole set have the group
      `overall` alone.
    """
    subjects = np.array(measured.subjects)
    inside = {OVERALL: np.ones(len(subjects), bool)}
    inside |= {name: measured.labels == label for label, name in enumerate(class_names)}
    inside = {group: rows for group, rows in inside.items() if rows.any()}
    rows: dict[str, dict[str, Any]] = {
        row: {
            group: {
                name: _plain(
                    statistics.mean(
                        measured.values[row][name][chosen],
                        subjects[chosen],
                        scale=metric.scale,
                        seed=seed,
                    )
                )
                for name, metric in metrics.clip.items()
            }
            for group, chosen in inside.items()
        }
        for row in ROWS
    }
    for name, metric in metrics.sets.items():
        real = measured.features["real"][metric.needs]
        for row in ROWS:
            fake = measured.features[row][metric.needs]
            rows[row][OVERALL][name] = _plain(
                statistics.of_set(metric.make(real, fake, subjects), subjects, seed=seed)
            )
    return {
        "groups": {
            group: {"clips": int(chosen.sum()), "subjects": len(set(subjects[chosen]))}
            for group, chosen in inside.items()
        },
        "frames_left_out": {
            name: {"frames": int(frames.sum()), "clips": int((frames > 0).sum())}
            for name, frames in measured.left_out.items()
        },
        "rows": rows,
    }


def _plain(estimate: statistics.Estimate) -> dict[str, float | int | None]:
    """As JSON has it, which knows no NaN."""
    return {
        name: value if math.isfinite(value) else None
        for name, value in dataclasses.asdict(estimate).items()
    }
