"""One pass over clips: each is generated, set beside the real one and measured."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from fevgan_jax import recognizers
from fevgan_jax.data.pipeline import EvalBatch
from fevgan_jax.evaluation import clip_metrics
from fevgan_jax.evaluation.protocol import Asked
from fevgan_jax.evaluation.set_metrics import FEATURES
from fevgan_jax.models.inputs import to_signed
from fevgan_jax.run import media
from fevgan_jax.runtime import sharding
from fevgan_jax.training.sampling import clip_keys
from fevgan_jax.training.trained import Trained

ROWS = ("model", "copy-input", "real")
"""What is measured: the generated clips, the photo repeated, and the real clips themselves."""
SHEET_CLIPS = 6

Reader = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Measured:
    """The values of N clips.

    Attributes:
      names: (subject, clip) of each.
      labels: `[N]`, the expression of each.
      values: `[N]` by row and metric; NaN where a metric is not defined.
      left_out: `[N]` by metric: frames of a clip that a masked metric leaves out.
      features: `[N, ...]` by row and need, what the metrics of the set compare.
      sheet: real above generated frames of the first clips, uint8 `[H, W, 3]`.
      frames: how many frames of a clip are compared.
    """

    names: list[tuple[str, str]]
    labels: np.ndarray
    values: dict[str, dict[str, np.ndarray]]
    left_out: dict[str, np.ndarray]
    features: dict[str, dict[str, np.ndarray]]
    sheet: np.ndarray
    frames: int

    @property
    def subjects(self) -> list[str]:
        """Whose clip each is."""
        return [subject for subject, _ in self.names]


def measure(
    model: Trained,
    batches: Iterable[EvalBatch],
    metrics: Asked,
    frozen: Mapping[str, Any],
    read: Reader | None,
    progress: Callable[[int], Any],
) -> Measured:
    """Generates and measures every clip of the batches.

    Args:
      model: the run.
      batches: with `video`, `label` and, where a metric needs it, `mask` beside what the family
        asks for.
      metrics: what to measure.
      frozen: parameters of the nets that measure, by name, on the devices.
      read: names the expression of clips; None where no metric needs that.
      progress: called after every batch with its number of clips.
    """
    settings = model.config.eval
    read_out = {name: metric for name, metric in metrics.clip.items() if "read" in metric.needs}
    compared = {name: metric for name, metric in metrics.clip.items() if name not in read_out}
    compare = jax.jit(functools.partial(_compare, compared))
    embed = jax.jit(functools.partial(embed_frames, settings.embedder))
    still = jax.jit(lambda video: jnp.broadcast_to(video[:, :1], video.shape))
    nets = {name: frozen[name] for name in metrics.needs & clip_metrics.NETS.keys()}
    of_sets = {metric.needs for metric in metrics.sets.values()}
    look = {need: jax.jit(FEATURES[need]) for need in of_sets & FEATURES.keys()}
    names, parts, strips = [], [], []
    for batch, valid, batch_names in batches:
        keys = clip_keys(settings.seed, [clip for _, clip in batch_names])
        shown = model.family.windows(batch)
        real, label = shown["video"], sharding.to_host(batch["label"])
        videos = {"model": model.sample(batch, keys), "copy-input": still(real), "real": real}
        embeddings = {}
        if "embeddings" in metrics.needs:
            embeddings = {row: embed(frozen, videos[row]) for row in ("model", "real")}
            # Every frame of a still picture is its first: one embedding serves all.
            embeddings["copy-input"] = still(embeddings["real"])
        masks = {"mask": shown["mask"]} if "mask" in metrics.needs else {}
        kept = np.flatnonzero(valid)
        part = {"label": label[kept]}
        for row, video in videos.items():
            seen = {"real": real, "fake": video, **masks, **nets}
            if embeddings:
                seen |= {"embeddings": embeddings[row], "photo": embeddings["real"][:, 0]}
            values, left_out = sharding.to_host(compare(seen))
            if read:
                readings = {"read": read(sharding.to_host(video)), "label": label}
                values |= clip_metrics.measure(read_out, readings)[0]
            features = {need: see(nets[need], video) for need, see in look.items()}
            if "embeddings" in of_sets:
                features["embeddings"] = embeddings[row]
            found = {
                "values": values,
                "left_out": left_out,
                "features": sharding.to_host(features),
            }
            part[row] = jax.tree.map(lambda array, kept=kept: array[kept], found)
        parts.append(part)
        pictured = kept[: max(SHEET_CLIPS - len(names), 0)]
        if len(pictured):
            pairs = sharding.to_host((real, videos["model"]))
            strips += [media.strip(video[index]) for index in pictured for video in pairs]
        names += [batch_names[index] for index in kept]
        progress(len(kept))
    whole = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    return Measured(
        names=names,
        labels=whole["label"],
        # In the order of the config again: a tree's dictionaries are sorted.
        values={row: {name: whole[row]["values"][name] for name in metrics.clip} for row in ROWS},
        left_out=whole["model"]["left_out"],
        features={row: whole[row]["features"] for row in ROWS},
        sheet=media.enlarge(np.concatenate(strips), 2),
        frames=real.shape[1],
    )


def _compare(metrics: Mapping[str, clip_metrics.ClipMetric], seen: dict[str, jax.Array]):
    # The barrier keeps equal pixels equal: fused with a difference, one of them is rounded again.
    real, fake = jax.lax.optimization_barrier(
        tuple(seen[name].astype(jnp.float32) / 255.0 for name in ("real", "fake"))
    )
    return clip_metrics.measure(metrics, seen | {"real": real, "fake": fake})


def embed_frames(
    embedder: ml_collections.ConfigDict, frozen: Mapping[str, Any], video: jax.Array
) -> jax.Array:
    """Embeds every frame of clips.

    Args:
      embedder: `name` and `features` of the net.
      frozen: parameters of the nets, by name.
      video: uint8 `[B, T, H, W, 3]`.

    Returns:
      `[B, T, D]`; feature maps are averaged over positions and brought to unit length (choice: as
      the embeddings of the face nets are).
    """
    frames = to_signed(video.reshape(-1, *video.shape[2:]))
    features = recognizers.encode(embedder, frozen, frames)
    if features.ndim == 4:
        features = features.mean((1, 2))
        features /= jnp.linalg.norm(features, axis=-1, keepdims=True)
    return features.reshape(*video.shape[:2], -1)
