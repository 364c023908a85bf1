"""Pictures of a comparison: every system's videos of the same test clips, side by side."""

import dataclasses
import textwrap
import time
from collections.abc import Sequence

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fevgan_jax.comparison.rows import Row
from fevgan_jax.data import pipeline, prepared
from fevgan_jax.run import media
from fevgan_jax.runtime import sharding
from fevgan_jax.training import trained
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.sampling import clip_keys

PEOPLE = 6
"""How many people stand beside each other in one expression."""
PICKS = (("psnr_face", "ssim"), ("acd_i",))
"""What picks failures, the picture's metric and the person's: of each the first one measured."""
FAILURES = 2
"""How many of a system's worst clips each metric picks."""
_LABEL_WIDTH = 150
_SECONDS = 1.6
_MOVING_FRAMES = 16
_FPS = _MOVING_FRAMES / _SECONDS
_LETTERS = 22
_TIMINGS = 5


@dataclasses.dataclass(frozen=True)
class Clip:
    """A test clip: whose, its name, and its expression."""

    subject: str
    name: str
    expression: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """One system's videos.

    Attributes:
      title: the system's name.
      real: the real video of each clip, by its name, uint8 `[T, H, W, 3]`.
      made: the system's.
      clips_per_second: how fast they were made, all in one batch, without compilation: the median
        of a few times.
    """

    title: str
    real: dict[str, np.ndarray]
    made: dict[str, np.ndarray]
    clips_per_second: float


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
      file: its file's name.
      caption: what it shows.
      data: the file's bytes, a WebP: smaller than PNG or GIF, so that a page can be mailed.
    """

    file: str
    caption: str
    data: bytes


def choose(row: Row, data_dir: str | None) -> tuple[list[Clip], list[Clip]]:
    """The clips that are shown of all systems.

    Args:
      row: any evaluated system.
      data_dir: where the set is; None takes the run's.

    Returns:
      The first person, by name, in the most expressions; and that person and others in the last
      of these.
    """
    people: dict[str, dict[str, Clip]] = {}
    source = _open(row, data_dir)
    for (subject, name), label in zip(source.names, source.labels, strict=True):
        expression = row.config.data.class_names[label]
        people.setdefault(subject, {}).setdefault(expression, Clip(subject, name, expression))
    clips = [people[subject] for subject in sorted(people)]
    first = max(clips, key=len)
    last = max(first)
    others = [each[last] for each in clips if last in each and each is not first]
    return [first[name] for name in sorted(first)], [first[last], *others][:PEOPLE]


def failures(row: Row) -> list[tuple[str, float, Clip]]:
    """A system's worst evaluated clips: the metric that picks, its value, and the clip."""
    clips = row.result.clips()
    worst = []
    for names in PICKS:
        for metric in [name for name in names if name in row.clip_metrics][:1]:
            distance = np.abs(clips[metric] - row.clip_metrics[metric].best)
            defined = np.isfinite(distance).sum()
            for index in np.argsort(-distance)[: min(FAILURES, defined)]:  # NaN comes last
                clip = Clip(*(str(clips[key][index]) for key in ("subject", "clip", "expression")))
                worst.append((metric, float(clips[metric][index]), clip))
    return worst


def show(row: Row, clips: Sequence[Clip], data_dir: str | None, weights_dir: str | None) -> Shown:
    """Makes a system's videos of test clips, as its evaluation did."""
    model = trained.load(row.workdir, weights_dir)
    source = _open(row, data_dir)
    numbers = {name: number for number, (_, name) in enumerate(source.names)}
    chosen = [numbers[name] for name in dict.fromkeys(clip.name for clip in clips)]
    features = tuple(sorted({*model.family.sampled_features, "video", "label"}))
    rows = -(-len(chosen) // model.mesh.size) * model.mesh.size
    (batch, _, names), *_ = pipeline.eval_batches(
        source, features, batch_size=rows, mesh=model.mesh, chosen=chosen
    )
    names = [name for _, name in names]
    keys = clip_keys(model.config.eval.seed, names)
    videos = jax.block_until_ready(model.sample(batch, keys))  # compiles
    seconds = []
    for _ in range(_TIMINGS):
        start = time.perf_counter()
        jax.block_until_ready(model.sample(batch, keys))
        seconds.append(time.perf_counter() - start)
    pace = rows / float(np.median(seconds))
    real, made = sharding.to_host((model.family.windows(batch)["video"], videos))
    return Shown(
        row.title, dict(zip(names, real, strict=True)), dict(zip(names, made, strict=True)), pace
    )


def apexes(file: str, caption: str, systems: Sequence[Shown], clips: Sequence[Clip]) -> Figure:
    """The photo and the last frames of some clips, a row for each system."""
    real = systems[0].real
    rows = [_labelled("photo", [real[clip.name][0] for clip in clips])]
    rows += [_labelled("real", [real[clip.name][-1] for clip in clips])]
    rows += [_labelled(s.title, [s.made[clip.name][-1] for clip in clips]) for s in systems]
    return _still(file, caption, rows)


def moving(file: str, caption: str, systems: Sequence[Shown], clips: Sequence[Clip]) -> Figure:
    """Some clips as an animation, a row for each system."""
    rows = [_labelled("real", [_timed(systems[0].real[clip.name]) for clip in clips])]
    rows += [_labelled(s.title, [_timed(s.made[clip.name]) for clip in clips]) for s in systems]
    video = _stacked(rows)
    return Figure(f"{file}.webp", caption, media.webp(video, _FPS))


def transitions(file: str, caption: str, systems: Sequence[Shown], clip: Clip) -> Figure:
    """Eight frames of one clip, from neutral to apex, a row for each system."""
    rows = [_strip("real", systems[0].real[clip.name])]
    rows += [_strip(system.title, system.made[clip.name]) for system in systems]
    return _still(file, caption, rows)


def _open(row: Row, data_dir: str | None) -> prepared.Source:
    config = row.config
    if data_dir is not None:
        config.data.data_dir = data_dir
    return open_evaluated(config, row.summary["split"], row.version)


def _still(file: str, caption: str, rows: Sequence[np.ndarray]) -> Figure:
    return Figure(f"{file}.webp", caption, media.webp(_stacked(rows)[None]))


def _timed(video: np.ndarray) -> np.ndarray:
    """As many frames for every system, `[16, H, W, 3]`."""
    return video[np.linspace(0, len(video) - 1, _MOVING_FRAMES).round().astype(int)]


def _strip(label: str, video: np.ndarray) -> np.ndarray:
    return _labelled(label, [media.strip(video)])


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    return media.grid([[row] for row in rows])


def _labelled(label: str, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures or videos `[..., H, W, 3]` in a row behind their label."""
    *lead, height, _, _ = pictures[0].shape
    tag = Image.new("RGB", (_LABEL_WIDTH, height))  # black, as the faces' background
    place = (_LABEL_WIDTH - 8, height // 2)
    font = ImageFont.load_default(11)
    text = textwrap.fill(label, _LETTERS)
    ImageDraw.Draw(tag).text(place, text, fill="white", font=font, anchor="rm", align="right")
    tag = np.broadcast_to(np.asarray(tag), (*lead, height, _LABEL_WIDTH, 3))
    return np.concatenate([tag, *pictures], axis=-2)
