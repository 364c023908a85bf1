"""Evaluates a run: `python -m fevgan_jax.evaluate --workdir=runs/demo`.

Every clip of the split gives one neutral frame and one expression; what the model makes of them
is set beside the real clip, beside the rows `real` and `copy-input` (the neutral frame 32 times),
and written to `eval/<dataset>.json`, to TensorBoard and to the terminal.
"""

import functools
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import tqdm
from absl import flags

from fevgan_jax import recognizers
from fevgan_jax.data import pipeline
from fevgan_jax.metrics import expression, identity, image
from fevgan_jax.models.inputs import to_signed
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.runtime import cli, processes, sharding
from fevgan_jax.training import trained
from fevgan_jax.training.sampling import clip_keys

ROWS = ("model", "copy-input", "real")
SHEET_CLIPS = 6
PSNR_CAP = 60.0
"""In dB, a quarter of a grey level (choice: one frame equal to the real one, as the first of a
still picture is, would make a clip's mean infinite)."""


def evaluate(
    workdir: str | os.PathLike,
    split: str | None = None,
    data_dir: str | None = None,
    weights_dir: str | None = None,
) -> dict[str, Any]:
    """Measures the last checkpoint of a run as its `config.eval` says.

    Args:
      workdir: the run.
      split: the split to measure; `config.eval.split` when not given.
      data_dir: where the prepared set is; where it was in training when not given.
      weights_dir: folder of the frozen nets.

    Returns:
      What `eval/<dataset>.json` holds: `protocol`, and `rows[row][group][metric]`, where a group
      is `overall` or an expression. A metric that is infinite or undefined is None.

    Raises:
      UserError: the run, the data or a frozen net is not there or does not fit.
    """
    model = trained.load(workdir, weights_dir)
    config = model.config
    config.data.data_dir = config.data.data_dir if data_dir is None else data_dir
    split = split or config.eval.split
    source = pipeline.open_source(
        config.data.data_dir, config.data.dataset, split, config.data.frames
    )
    asks_identity = bool({"acd", "acd_i"} & set(config.eval.metrics))
    embedder = [config.eval.embedder] if asks_identity else []
    frozen, _ = recognizers.load(embedder, weights_dir)
    frozen = jax.device_put(frozen, sharding.replicated(model.mesh))
    measure = jax.jit(functools.partial(_compare, config.eval))
    embed = jax.jit(functools.partial(_embed, config.eval))
    judge = jax.jit(functools.partial(_identity, config.eval))
    still = jax.jit(lambda video: jnp.broadcast_to(video[:, :1], video.shape))
    recognise = _classifier(config)

    seen: dict[str, list[dict[str, np.ndarray]]] = {row: [] for row in ROWS}
    labels, strips = [], []
    total = min(len(source), config.eval.max_clips or len(source))
    progress = tqdm.tqdm(total=total, desc="evaluate", unit="clip", disable=not processes.is_main())
    devices = model.mesh.size
    features = tuple(sorted({*model.family.features, "video", "mask", "label"}))
    for batch, valid, names in pipeline.eval_batches(
        source,
        features,
        # Whole rows on every device.
        batch_size=-(-config.eval.batch_size // devices) * devices,
        mesh=model.mesh,
    ):
        kept = np.flatnonzero(valid)[: total - len(labels)]
        keys = clip_keys(config.seed, [clip for _, clip in names])
        shown = model.family.windows(batch)
        real, label = shown["video"], sharding.to_host(batch["label"])
        videos = {
            "model": model.sample(batch, keys),
            "copy-input": still(real),
            "real": real,
        }
        if asks_identity:
            embeddings = {row: embed(frozen, videos[row]) for row in ("model", "real")}
            # Every frame of a still picture is its first: one embedding, 32 times.
            embeddings["copy-input"] = still(embeddings["real"])
        for row, video in videos.items():
            values = measure(real, video, shown["mask"])
            if asks_identity:
                values |= judge(embeddings[row], embeddings["real"][:, 0])
            values = sharding.to_host(values)
            if recognise:
                values["recognised"] = recognise(sharding.to_host(video)) == label
            seen[row].append({name: value[kept] for name, value in values.items()})
        pictured = kept[: SHEET_CLIPS - len(strips) // 2]
        if len(pictured):
            pairs = sharding.to_host((real, videos["model"]))
            strips += [media.strip(video[index]) for index in pictured for video in pairs]
        labels.extend(label[kept])
        progress.update(len(kept))
        if len(labels) == total:
            break
    progress.close()

    result = {
        "dataset": config.data.dataset,
        "split": split,
        "step": int(model.state.step),
        "clips": len(labels),
        "subjects": len({subject for subject, _ in source.names}),
        "protocol": protocol(config),
        "rows": {row: _summarise(config, seen[row], np.array(labels)) for row in ROWS},
    }
    if processes.is_main():
        _write(result, media.enlarge(np.concatenate(strips), 2), pathlib.Path(workdir))
    return result


def _write(result: dict[str, Any], sheet: np.ndarray, workdir: pathlib.Path) -> None:
    name = result["dataset"].replace("/", "_")
    folder = workdir / "eval"
    write_atomic(folder / f"{name}.json", (json.dumps(result, indent=2) + "\n").encode())
    write_atomic(folder / f"{name}.png", media.png(sheet))
    with Summaries(workdir) as summaries:
        summaries.evaluation(
            result["step"],
            {
                f"eval/{name}/{row}/{metric}": value
                for row in ROWS
                for metric, value in result["rows"][row]["overall"].items()
                if value is not None
            },
        )


def protocol(config: ml_collections.ConfigDict) -> dict[str, str]:
    """How each number was made, in words that travel with it."""
    settings = config.eval
    return {
        "psnr": f"dB, range [0, 1] from uint8, at most {PSNR_CAP:g} a frame; mean over "
        "frames, then clips",
        "psnr_pooled": "dB of the squared error pooled over all clips (ImaGINator's), at most "
        f"{PSNR_CAP:g}",
        "ssim": "11x11 Gaussian, sigma 1.5, K 0.01 and 0.03, range 1, mean over channels",
        "_face": "the same inside the face mask: a black background flatters both",
        "motion": "1 - |(fake - fake_0) - (real - real_0)|^2 / |real - real_0|^2, mean over clips",
        "acd": f"{settings.identity_pairs} frames, {settings.identity_distance}",
        "acd_i": f"each frame against the input image, {settings.identity_distance}",
        "embedder": f"{settings.embedder.name} {settings.embedder.features} of "
        f"{recognizers.module(settings.embedder.name).PROTOCOL}; maps, where a net gives "
        "these, are averaged over positions and brought to unit length",
        "recognised": "share named rightly by a classifier trained for "
        f"{settings.classifier_steps} steps on the real clips of the train split",
    }


def table(result: dict[str, Any]) -> str:
    """The numbers of `evaluate` as text: a line for each row, the model's by expression below."""
    rows = result["rows"]
    lines = {row: rows[row]["overall"] for row in ROWS}
    lines |= {f"  {group}": rows["model"][group] for group in rows["model"] if group != "overall"}
    metrics = list(rows["model"]["overall"])
    width = max(len(metric) for metric in metrics) + 2
    text = [" " * 12 + "".join(metric.rjust(width) for metric in metrics)]
    for name, values in lines.items():
        cells = (
            "-" if values[metric] is None else format(values[metric], ".3f") for metric in metrics
        )
        text.append(name.ljust(12) + "".join(cell.rjust(width) for cell in cells))
    text.append(
        f"{result['clips']} clips of the {result['split']} split of {result['dataset']}, "
        f"step {result['step']}; identity by {result['protocol']['embedder']}"
    )
    return "\n".join(text)


def _compare(settings, real, fake, mask) -> dict[str, jax.Array]:
    """Per clip `[B]`: the metrics that set two videos side by side, uint8 `[B, T, H, W, C]`."""
    # The barrier keeps equal pixels equal: fused with a difference, one of them is rounded anew.
    real, fake = jax.lax.optimization_barrier(
        tuple(video.astype(jnp.float32) / 255.0 for video in (real, fake))
    )

    def psnr(*mask):
        return jnp.minimum(image.psnr(real, fake, *mask), PSNR_CAP).mean(1)

    functions: dict[str, Callable[[], jax.Array]] = {
        "psnr": psnr,
        "psnr_face": lambda: psnr(mask),
        "psnr_pooled": lambda: jax.vmap(image.psnr_pooled)(real, fake),
        "ssim": lambda: image.ssim(real, fake).mean(1),
        "ssim_face": lambda: image.ssim(real, fake, mask).mean(1),
        "motion": lambda: image.motion(real, fake),
    }
    return {name: value() for name, value in functions.items() if name in settings.metrics}


def _embed(settings, frozen, video) -> jax.Array:
    """Embeddings `[B, T, D]` of a video, uint8 `[B, T, H, W, C]`; see `protocol`."""
    frames = to_signed(video.reshape(-1, *video.shape[2:]))
    features = recognizers.encode(settings.embedder, frozen, frames)
    if features.ndim == 4:
        features = features.mean((1, 2))
        features /= jnp.linalg.norm(features, axis=-1, keepdims=True)
    return features.reshape(*video.shape[:2], -1)


def _identity(settings, embeddings, photo) -> dict[str, jax.Array]:
    """Per clip `[B]`: how a video's identity `[B, T, D]` drifts, also from the photo's `[B, D]`."""
    squared = settings.identity_distance == "squared_l2"
    values = {
        "acd": identity.acd(embeddings, settings.identity_pairs, squared),
        "acd_i": identity.acd_i(embeddings, photo, squared),
    }
    return {name: value for name, value in values.items() if name in settings.metrics}


def _classifier(config) -> Callable[[np.ndarray], np.ndarray] | None:
    """Trains the expression classifier on the real clips of the train split."""
    if not config.eval.classifier_steps:
        return None
    source = pipeline.open_source(
        config.data.data_dir, config.data.dataset, "train", config.data.frames
    )
    clips = [source[index] for index in range(len(source))]
    return expression.train(
        np.stack([clip["video"][[0, -1]] for clip in clips]),
        np.array([clip["label"] for clip in clips]),
        num_classes=len(config.data.class_names),
        seed=config.seed,
        steps=config.eval.classifier_steps,
    )


def _summarise(config, clips, labels) -> dict[str, dict[str, float | None]]:
    """Means over all clips and over each expression's, of per-clip values."""
    values = {
        name: np.concatenate([batch[name] for batch in clips]).astype(np.float64)
        for name in clips[0]
    }
    groups = {"overall": np.ones(len(labels), bool)}
    groups |= {name: labels == index for index, name in enumerate(config.data.class_names)}
    return {
        group: {name: _mean(name, value[inside]) for name, value in values.items()}
        for group, inside in groups.items()
        if inside.any()
    }


def _mean(name: str, values: np.ndarray) -> float | None:
    values = values[~np.isnan(values)]  # undefined for this clip, as motion is of a still one
    if name.startswith("psnr_pooled"):
        with np.errstate(divide="ignore"):  # no error at all: infinite
            mean = min(-10.0 * np.log10(np.mean(10.0 ** (-values / 10.0))), PSNR_CAP)
    else:
        mean = values.mean()
    return float(mean) if np.isfinite(mean) else None


def _main() -> None:
    processes.start()
    result = evaluate(_WORKDIR.value, _SPLIT.value, _DATA_DIR.value, _WEIGHTS_DIR.value)
    if processes.is_main():
        print(table(result))


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "the run to measure", required=True)
    _SPLIT = flags.DEFINE_string("split", None, "a split; config.eval.split when not given")
    _DATA_DIR = flags.DEFINE_string("data_dir", None, "where the prepared set is now")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    processes.define_flags()
    cli.run(_main)
