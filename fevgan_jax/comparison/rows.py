"""The systems of a comparison, and whether their evaluations may stand in one table."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import ml_collections

from fevgan_jax.evaluation import results
from fevgan_jax.evaluation.clip_metrics import CLIP_METRICS, HEADLINES, ClipMetric
from fevgan_jax.evaluation.measure import ROWS
from fevgan_jax.evaluation.summary import OVERALL
from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.family import Family, build_family

_OWN = ("frames",)
"""What may differ between protocols: a system that makes fewer frames has fewer to compare."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One system.

    Attributes:
      title: its name in tables and pictures.
      workdir: the run.
      config: the run's config.
      result: its last evaluation, or None.
      checkpoint: the step of its last checkpoint, or None.
      split: the split that is compared; None takes that of the last evaluation.
    """

    title: str
    workdir: pathlib.Path
    config: ml_collections.ConfigDict
    result: results.Result | None
    checkpoint: int | None
    split: str | None = None

    @property
    def family(self) -> Family:
        """The model family's modules."""
        return build_family(self.config)

    @property
    def summary(self) -> dict[str, Any]:
        """The evaluation's summary."""
        assert self.result is not None, self.workdir
        return self.result.summary

    @property
    def estimates(self) -> dict[str, dict[str, Any]]:
        """`mean`, `low`, `high`, `clips` and `subjects` of each metric over all clips."""
        return self.summary["rows"][ROWS[0]][OVERALL]

    @property
    def frames(self) -> str:
        """Which frames of a clip the evaluation compares, in its own words."""
        return self.summary["protocol"]["frames"]

    @property
    def length(self) -> str:
        """How many frames of a clip the evaluation compares, in words."""
        chosen = self.config.data.frames
        return f"{len(chosen)} of each clip's frames" if chosen else self.frames

    @property
    def version(self) -> str:
        """The version of the set that was evaluated."""
        return self.summary["protocol"]["data"].partition(",")[0].removeprefix("version ")

    @property
    def clip_metrics(self) -> dict[str, ClipMetric]:
        """The metrics of one clip that the evaluation measured, by name."""
        settings = self.config.eval
        chosen = {name: HEADLINES.get(name, name).format_map(settings) for name in self.estimates}
        return {
            name: CLIP_METRICS[variant]
            for name, variant in chosen.items()
            if variant in CLIP_METRICS
        }

    @property
    def missing(self) -> str:
        """Why there are no figures, and what makes them; "" where there are."""
        if self.result:
            return ""
        if self.checkpoint is None:
            return f"not trained: run `{self._train}`, then `{self._evaluate}`"
        return f"not evaluated: run `{self._evaluate}`"

    @property
    def remark(self) -> str:
        """Why an evaluated system's pictures do not fit its figures; "" where they do."""
        evaluated = self.summary["step"]
        if self.checkpoint is None:
            return f"*{self.title}* is not shown, because it has no checkpoint: run `{self._train}`"
        if self.checkpoint != evaluated:
            return (
                f"*{self.title}* is shown at step {self.checkpoint}, its figures are of step "
                f"{evaluated}: run `{self._evaluate}`"
            )
        return ""

    @property
    def _train(self) -> str:
        return f"python -m fevgan_jax.main --config=... --workdir={self.workdir}"

    @property
    def _evaluate(self) -> str:
        split = f" --split={self.split}" if self.split else ""
        return f"python -m fevgan_jax.evaluate --workdir={self.workdir}{split}"

    @property
    def about(self) -> str:
        """In words, what the system is given and makes."""
        named = [name for name in self.family.given if name != "landmarks"]  # the photo's own
        given = " and ".join(f"a {name}" for name in named) or "noise alone"
        first = pathlib.Path(self.config.initial_weights).name
        return "; ".join([given, self.length, *([f"starts from {first}"] if first else [])])


def load(
    workdirs: Sequence[str | os.PathLike], names: Sequence[str] = (), split: str | None = None
) -> list[Row]:
    """Opens the runs, and the last evaluation of each.

    Args:
      workdirs: the runs.
      names: their titles; without them the folders' names.
      split: only evaluations of this split.

    Raises:
      UserError: a folder holds no run, or the titles are not as many and all different.
    """
    paths = [pathlib.Path(workdir) for workdir in workdirs]
    titles = list(names) or [path.resolve().name for path in paths]
    if len(titles) != len(paths) or len(set(titles)) != len(titles):
        raise UserError(
            f"{len(paths)} workdirs have the names {', '.join(titles)}: give --names, as many as "
            "there are workdirs, and all different."
        )
    rows = []
    for title, path in zip(titles, paths, strict=True):
        config, found = read_config(path), results.find(path, split=split)
        with Checkpoints(path) as checkpoints:
            step = checkpoints.latest_step
        rows.append(Row(title, path, config, found[-1] if found else None, step, split))
    return rows


def check(rows: Sequence[Row]) -> None:
    """Checks that the figures of all rows were made in the same way.

    Raises:
      UserError: none was evaluated, or two evaluations are of other data or another protocol.
    """
    evaluated = [row for row in rows if row.result]
    if not evaluated:
        raise UserError(
            f"none of these workdirs has an evaluation; {rows[0].title} is {rows[0].missing}, and "
            "so for the others."
        )
    first = evaluated[0]
    for other in evaluated[1:]:
        for name, (ours, theirs) in _differences(first.summary, other.summary).items():
            raise UserError(
                f"{first.workdir} and {other.workdir} cannot be compared, because their {name} "
                f"differs ({json.dumps(ours)} and {json.dumps(theirs)}): evaluate both with the "
                "same config.eval, split and data."
            )


def bounds(rows: Sequence[Row]) -> list[tuple[str, str, dict[str, dict[str, Any]]]]:
    """What bounds the systems' figures, once for every choice of frames.

    Args:
      rows: evaluated systems.

    Returns:
      `copy-input` or `real`, how many frames it has, and its estimates as those of a row.
    """
    kinds: dict[str, Row] = {}
    for row in rows:
        kinds.setdefault(row.frames, row)
    return [
        (name, row.length, row.summary["rows"][name][OVERALL])
        for row in kinds.values()
        for name in ROWS[1:]
    ]


def is_paired(row: Row, reference: Row) -> bool:
    """Whether two systems make the same clips of the same frames for the same photos."""
    return (
        all(each.result and "photo" in each.family.given for each in (row, reference))
        and row.frames == reference.frames
    )


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    named = {name: (ours[name], theirs[name]) for name in ("dataset", "split", "metrics")}
    said = {*ours["protocol"], *theirs["protocol"]} - set(_OWN)
    named |= {
        f"protocol of {name!r}": (ours["protocol"].get(name), theirs["protocol"].get(name))
        for name in sorted(said)
    }
    return {name: pair for name, pair in named.items() if pair[0] != pair[1]}
