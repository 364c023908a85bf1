"""An evaluation from a workdir to the files that hold its numbers."""

import os
from typing import Any

import jax
import ml_collections
import numpy as np
import tqdm

from fevgan_jax import recognizers
from fevgan_jax.data import pipeline
from fevgan_jax.evaluation import protocol, results, sample
from fevgan_jax.evaluation.clip_metrics import NETS
from fevgan_jax.evaluation.measure import measure
from fevgan_jax.evaluation.recognition import train_classifier
from fevgan_jax.evaluation.summary import OVERALL, summarise
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.runtime import processes, sharding
from fevgan_jax.training import trained
from fevgan_jax.training.datasets import open_evaluated


def evaluate(
    workdir: str | os.PathLike,
    split: str | None = None,
    data_dir: str | None = None,
    weights_dir: str | None = None,
) -> dict[str, Any]:
    """Measures the last checkpoint of a run as its `config.eval` says, and writes the files.

    Args:
      workdir: the run.
      split: the split to measure; `config.eval.split` when not given.
      data_dir: where the prepared set is; where it was in training when not given.
      weights_dir: folder of the frozen nets.

    Returns:
      The summary: `dataset`, `split`, `step`, `clips`, `subjects`, `metrics` (the names that the
      config asks for), `protocol`, `protocol_hash`, and what `summary.summarise` gives.

    Raises:
      UserError: the run, the data, a metric or a frozen net is not there or does not fit.
    """
    model = trained.load(workdir, weights_dir)
    config, settings = model.config, model.config.eval
    metrics = protocol.asked(settings)
    config.data.data_dir = config.data.data_dir if data_dir is None else data_dir
    split = split or settings.split
    source = open_evaluated(config, split)
    features = {*model.family.sampled_features, "video", "label"} | metrics.needs & {"mask"}
    features = tuple(sorted(features))
    source.check_features(features)
    length = config.data.window or len(source.read(0, ("video",))["video"])
    protocol.check_length(metrics, length, settings.dataset or config.data.dataset)
    frozen, hashes = _load_nets(metrics, settings, weights_dir)
    frozen = jax.device_put(frozen, sharding.replicated(model.mesh))
    read = train_classifier(config, model.family) if "read" in metrics.needs else None

    chosen = np.arange(len(source))
    if settings.max_clips:
        subjects = [subject for subject, _ in source.names]
        chosen = sample.balanced(source.labels, subjects, settings.max_clips, settings.seed)
    devices = model.mesh.size
    batches = pipeline.eval_batches(
        source,
        features,
        # Whole rows on every device.
        batch_size=-(-settings.batch_size // devices) * devices,
        mesh=model.mesh,
        chosen=chosen,
    )
    with tqdm.tqdm(
        total=len(chosen), desc="evaluate", unit="clip", disable=not processes.is_main()
    ) as progress:
        measured = measure(model, batches, metrics, frozen, read, progress.update)

    said = protocol.describe(
        metrics,
        settings,
        data=f"version {source.version}, fingerprint {source.fingerprint}",
        frames=_frames(config.data, measured.frames),
        clips=len(measured.names),
        hashes=hashes,
    )
    summary = {
        "dataset": settings.dataset or config.data.dataset,
        "split": split,
        "step": int(model.state.step),
        "clips": len(measured.names),
        "subjects": len(set(measured.subjects)),
        "metrics": list(metrics.shown),
        "protocol": said,
        "protocol_hash": protocol.digest(said),
        **summarise(measured, metrics, config.data.class_names, settings.seed),
    }
    if processes.is_main():
        results.write(workdir, summary, measured, config.data.class_names)
        with Summaries(workdir) as summaries:
            summaries.evaluation(summary["step"], _scalars(summary))
    return summary


def _load_nets(
    metrics: protocol.Asked, settings: ml_collections.ConfigDict, weights_dir: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters and sha256 of the frozen nets that measure, both by name."""
    embedder = [settings.embedder] if "embeddings" in metrics.needs else []
    frozen, hashes = recognizers.load(embedder, weights_dir)
    for name in sorted(metrics.needs & NETS.keys()):
        frozen[name], hashes[name] = NETS[name](weights_dir)
    return frozen, hashes


def _frames(data: ml_collections.ConfigDict, count: int) -> str:
    if data.frames:
        return f"{', '.join(map(str, data.frames))} of each clip"
    return f"the first {count} of each clip" if data.window else f"all {count} of each clip"


def _scalars(summary: dict[str, Any]) -> dict[str, float]:
    """The overall means for TensorBoard and, in a section of their own, their intervals' ends."""
    name = f"{summary['dataset'].replace('/', '_')}_{summary['split']}"
    scalars = {}
    for row, groups in summary["rows"].items():
        for metric, estimate in groups[OVERALL].items():
            tag = f"{name}/{row}/{metric}"
            scalars[f"eval/{tag}"] = estimate["mean"]
            for end in ("low", "high"):
                scalars[f"eval_interval/{tag}/{end}"] = estimate[end]
    return {tag: value for tag, value in scalars.items() if value is not None}
