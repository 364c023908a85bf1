"""Which metrics a config asks for, and how each number is made, in words."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping

import ml_collections

from fevgan_jax import recognizers
from fevgan_jax.evaluation import clip_metrics
from fevgan_jax.evaluation.clip_metrics import CLIP_METRICS, DISTANCES, HEADLINES, PAIRS, ClipMetric
from fevgan_jax.evaluation.set_metrics import SET_METRICS, SetMetric
from fevgan_jax.metrics import statistics
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.kinds import check_choice

METRICS = (*CLIP_METRICS, *HEADLINES, *SET_METRICS)
"""Every name that `config.eval.metrics` may hold."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """The metrics of one evaluation, by name.

    Attributes:
      shown: the names that the config asks for, in its order.
      clip: those of one clip, with every variant of a headline.
      sets: those of all clips together.
    """

    shown: tuple[str, ...]
    clip: Mapping[str, ClipMetric]
    sets: Mapping[str, SetMetric]

    @functools.cached_property
    def needs(self) -> set[str]:
        """All that the metrics need."""
        return clip_metrics.needs(self.clip.values()) | {m.needs for m in self.sets.values()}


def asked(settings: ml_collections.ConfigDict) -> Asked:
    """Looks up the metrics that `config.eval` asks for.

    Raises:
      UserError: a metric or a variant is not known, or none is asked for.
    """
    also = ("recognised",) if settings.classifier_steps else ()
    shown = tuple(dict.fromkeys((*settings.metrics, *also)))
    if not shown:
        raise UserError("config.eval.metrics is empty: name a metric, or there are no numbers.")
    for name in shown:
        check_choice("a metric of config.eval.metrics", name, METRICS)
    check_choice("config.eval.identity_pairs", settings.identity_pairs, PAIRS)
    check_choice("config.eval.identity_distance", settings.identity_distance, DISTANCES)
    clip: dict[str, ClipMetric] = {}
    for name in shown:
        if name in HEADLINES:
            chosen = HEADLINES[name].format_map(settings)
            clip[name] = dataclasses.replace(
                CLIP_METRICS[chosen], protocol=f"{chosen}: {CLIP_METRICS[chosen].protocol}"
            )
            clip |= {other: CLIP_METRICS[other] for other in _variants(name)}
        elif name in CLIP_METRICS:
            clip[name] = CLIP_METRICS[name]
    found = Asked(shown, clip, {name: SET_METRICS[name] for name in shown if name in SET_METRICS})
    if "read" in found.needs and not settings.classifier_steps:
        raise UserError(
            'config.eval.metrics asks for "recognised", which no classifier reads: set '
            "--config.eval.classifier_steps=400."
        )
    return found


def check_length(metrics: Asked, frames: int, dataset: str) -> None:
    """Checks that clips are long enough for what is asked.

    Args:
      metrics: what is to be measured.
      frames: of a generated clip.
      dataset: the set's name.

    Raises:
      UserError: a metric needs longer clips.
    """
    for name, metric in metrics.sets.items():
        if frames < metric.least_frames:
            raise UserError(
                f"config.eval.metrics asks for {name!r}, which needs clips of "
                f"{metric.least_frames} frames, and those of {dataset} have {frames} here: leave "
                f"{name!r} out of config.eval.metrics."
            )


def _variants(headline: str) -> list[str]:
    """The metrics that a headline may stand for."""
    template = HEADLINES[headline]
    return list(
        dict.fromkeys(
            template.format(identity_pairs=pairs, identity_distance=distance)
            for pairs in PAIRS
            for distance in DISTANCES
        )
    )


def describe(
    metrics: Asked,
    settings: ml_collections.ConfigDict,
    *,
    data: str,
    frames: str,
    clips: int,
    hashes: Mapping[str, str],
) -> dict[str, str]:
    """How each number was made, in words that travel with it.

    Args:
      metrics: those that are measured.
      settings: `config.eval`.
      data: which version of the set is measured.
      frames: which frames of a clip are compared.
      clips: how many are compared.
      hashes: the sha256 of the frozen nets that measure, by name.

    Returns:
      Sentences by metric and by what they share. Two evaluations whose sentences are equal may
      stand in one table.
    """
    seed = settings.seed
    said = {name: metric.protocol for name, metric in metrics.clip.items()}
    said |= {name: metric.protocol.format(clips=clips) for name, metric in metrics.sets.items()}
    said["data"], said["frames"] = data, frames
    said["clips"] = (
        f"a sample of {settings.max_clips} at most, balanced over expressions, then subjects, seed "
        f"{seed}"
        if settings.max_clips
        else "all"
    )
    said["noise"] = f"seed {seed}"
    said["interval"] = (
        f"{100 * statistics.LEVEL:g} % of {statistics.RESAMPLES} resamples of the subjects with "
        f"all of their clips (percentiles), seed {seed}"
    )
    if metrics.sets:
        said["interval of a set's metric"] = (
            f"{100 * statistics.LEVEL:g} %, normal, by the deviation of {statistics.SET_RESAMPLES} "
            f"resamples of the subjects, seed {seed}"
        )
    if "embeddings" in metrics.needs:
        embedder = settings.embedder
        said["embedder"] = (
            f"{embedder.name} {embedder.features} of "
            f"{recognizers.module(embedder.name).PROTOCOL}; maps, where a net gives these, are "
            f"averaged over positions and brought to unit length; sha256 "
            f"{hashes[embedder.name][:16]}"
        )
    asking = [(name, need) for name, metric in metrics.clip.items() for need in metric.needs]
    asking += [(name, metric.needs) for name, metric in metrics.sets.items()]
    for name, need in asking:
        if need in clip_metrics.NETS:
            said[name] += f"; sha256 {hashes[need][:16]}"
    if "read" in metrics.needs:
        said["classifier"] = (
            f"trained for {settings.classifier_steps} steps on the real clips of the train split, "
            f"seed {seed}"
        )
    return said


def digest(protocol: Mapping[str, str]) -> str:
    """Eight hexadecimal digits that stand for a protocol in a file's name."""
    text = json.dumps(dict(protocol), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
