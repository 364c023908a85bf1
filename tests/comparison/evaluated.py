"""Rows of a comparison from made-up evaluations."""

import json

import numpy as np

from fevgan_jax.comparison import rows
from tests import experiments


def row_of(tmp_path, title, values, family="fevgan", frames="all", metrics=("psnr",)):
    """A row whose evaluation has these values of each metric, a clip a person."""
    config = experiments.without_frozen_nets()
    config.eval.metrics, config.eval.classifier_steps = metrics, 0
    config.model = {"name": f"fevgan_jax.models.{family}", "identity_encoder": None}
    config.model.generator, config.model.discriminator = {}, {}
    folder = tmp_path / title / "eval"
    folder.mkdir(parents=True)
    text = ",".join(["row", "subject", "clip", "expression", *metrics]) + "\n"
    for i, value in enumerate(values):
        text += ",".join(["model", str(i), f"c{i}", "fear", *[str(value)] * len(metrics)]) + "\n"
    (folder / "x.csv").write_text(text.replace("nan", ""))
    estimate = {"mean": float(np.mean(values)), "low": None, "high": None}
    estimate |= dict.fromkeys(("clips", "subjects"), len(values))
    overall = {"overall": dict.fromkeys(metrics, estimate)}
    summary = {
        "dataset": "d", "split": "test", "step": 1, "protocol_hash": "h", "metrics": list(metrics),
        "protocol": {"frames": frames, "data": "version 1.0.0, fingerprint 0"},
        "rows": dict.fromkeys(rows.ROWS, overall),
    }  # fmt: skip
    (folder / "x.json").write_text(json.dumps(summary))
    (result,) = rows.results.find(tmp_path / title)
    return rows.Row(title, tmp_path / title, config, result, 1)
