"""The parts of a comparison in Markdown, and its figures as CSV."""

import csv
import importlib.metadata
import io
import math
import os
import platform
from collections.abc import Mapping, Sequence

from fevgan_jax.comparison import published
from fevgan_jax.comparison.costs import Cost
from fevgan_jax.comparison.differences import Difference
from fevgan_jax.comparison.figures import Figure
from fevgan_jax.comparison.rows import Row, bounds

_COSTS = (
    "Networks in parameters, without frozen recognisers. Clips seen are steps x batch size x "
    "critic steps, of the last stage of a system that is trained in two. Sampling is timed on the "
    "machine of this comparison with all of its cores, step and memory on each training's own, "
    "with those that it was given."
)
Differences = Mapping[str, Mapping[str, Difference]]
"""By title, then by metric."""

_NONE = "-"
_UNLIKE = "†"
_LEGEND = """\
Means with {level} intervals over subjects. ▲ and ▼: significantly nearer to the best value and
farther from it than *{reference}*, by the paired bootstrap over subjects on the same clips (the
interval of the gain does not hold 0); metrics of the whole set have no pairs and no mark. A system
that is not given the photo, or makes other frames, is not paired. {unlike}: a number that compares
with the real clip or the photo, of a system that is given no photo, so that its clips show others.
*copy-input* is the photo repeated, *real* the real clips themselves, both once for every choice of
frames: ACD between consecutive frames is to be read beside those of a system's own."""


def quality(rows: Sequence[Row], evaluated: Row, differences: Differences) -> str:
    """A table of what the systems' clips are like, with the rows of `copy-input` and `real`.

    Args:
      rows: the systems; one without an evaluation is listed with what is missing.
      evaluated: a system with an evaluation, whose metrics are shown.
      differences: from the reference.
    """
    metrics = [name for name in evaluated.summary["metrics"] if name in evaluated.estimates]
    lines = [["system", "given; frames", *metrics], ["---"] * (2 + len(metrics))]
    for row in rows:
        if not row.result:
            lines.append([row.title, row.missing, *[_NONE] * len(metrics)])
            continue
        marks = {name: each.mark for name, each in differences.get(row.title, {}).items()}
        if "photo" not in row.family.given:
            marks = {
                name: _UNLIKE
                for name, metric in row.clip_metrics.items()
                if {"real", "photo"} & set(metric.needs)
            }
        cells = [f"{_cell(row.estimates[name])} {marks.get(name, '')}".strip() for name in metrics]
        lines.append([row.title, row.about, *cells])
    for name, length, estimates in bounds([evaluated, *(row for row in rows if row.result)]):
        lines.append([f"*{name}*", length, *(_cell(estimates[metric]) for metric in metrics)])
    return _table(lines)


def legend(reference: Row) -> str:
    """What the marks of `quality` mean."""
    summary = reference.summary
    counts = f"N: {summary['clips']} clips of {summary['subjects']} subjects. "
    level = summary["protocol"]["interval"].split(" of ")[0]
    text = _LEGEND.format(reference=reference.title, level=level, unlike=_UNLIKE)
    return counts + text.replace("\n", " ")


def costs(found: Mapping[str, Cost], paces: Mapping[str, float]) -> str:
    """A table of what the systems cost; a dash where a run did not record it.

    Args:
      found: by title.
      paces: clips a second of sampling, by title.
    """
    head = ["system", "generator", "discriminator", "steps", "clips seen", "step (ms)"]
    head += ["peak memory (GiB)", "sampling (clips/s)"]
    lines = [head, ["---"] * len(head)]
    for title, cost in found.items():
        numbers = [cost.generator, cost.discriminator, cost.steps, cost.clips_seen]
        cells = [_NONE if number is None else f"{number:,}" for number in numbers]
        cells += [_number(cost.step_ms, ".0f"), _number(cost.memory_gib, ".2f")]
        lines.append([title, *cells, _number(paces.get(title), ".1f")])
    return f"{_table(lines)}\n\n{_COSTS}"


def paper() -> str:
    """The paper's own numbers, and why they stand apart."""
    table = _table([published.HEAD, ["---"] * len(published.HEAD), *published.NUMBERS])
    return f"{table}\n\n{published.PROTOCOL}"


def protocol(row: Row, others: Sequence[Row]) -> str:
    """How the numbers were made, in the evaluations' own words.

    Args:
      row: an evaluated system.
      others: all of them, which may differ in the frames that they make.
    """
    metrics = row.summary["metrics"]
    shown = {
        name: sentence
        for name, sentence in row.summary["protocol"].items()
        if name in metrics or name not in row.estimates
    }
    shown |= {f"frames of {r.title}": r.frames for r in others if r.frames != row.frames}
    return "\n".join(f"* **{name}**: {sentence}" for name, sentence in shown.items())


def made_by(command: str) -> str:
    """The command, versions and machine of a comparison."""
    names = ("fevgan_jax", "jax", "flax", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return (
        f"Made by `{command}` with {versions}, Python {platform.python_version()}, "
        f"{os.cpu_count()} CPU cores ({platform.machine()})."
    )


def pictures(figures: Sequence[Figure], remarks: Sequence[str]) -> str:
    """Figures with their captions, below what is to be known of them."""
    shown = [f"![{each.caption}]({each.file})\n\n*{each.caption}*" for each in figures]
    return "\n\n".join([*remarks, *shown])


def as_csv(rows: Sequence[Row], differences: Differences) -> str:
    """A line for each system and metric, with the difference from the reference."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = ("mean", "low", "high")
    counts = ("clips", "subjects")
    writer.writerow(["system", "metric", *ends, *counts, *(f"difference_{end}" for end in ends)])
    evaluated = [row for row in rows if row.result]
    systems = [(row.title, row.estimates) for row in evaluated]
    for name, length, estimates in bounds(evaluated):
        is_first = name not in dict(systems)
        systems.append((name if is_first else f"{name} ({length})", estimates))
    for title, estimates in systems:
        for metric, estimate in estimates.items():
            difference = differences.get(title, {}).get(metric)
            values = [estimate[name] for name in (*ends, *counts)]
            values += [difference and getattr(difference.estimate, end) for end in ends]
            known = ["" if value is None or math.isnan(value) else value for value in values]
            writer.writerow([title, metric, *known])
    return text.getvalue()


def _table(lines: Sequence[Sequence[str]]) -> str:
    escaped = ([cell.replace("|", r"\|") for cell in cells] for cells in lines)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in escaped)


def _cell(estimate: Mapping[str, float | None]) -> str:
    mean, low, high = (estimate[end] for end in ("mean", "low", "high"))
    if mean is None:
        return _NONE
    interval = "" if low is None else f" ({_short(low)} to {_short(high)})"
    return _short(mean) + interval


def _short(value: float) -> str:
    return format(value, "z.3f" if abs(value) < 10 else "z.2f")  # z: no -0.000


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)
