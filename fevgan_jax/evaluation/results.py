"""The files of an evaluation: `eval/<dataset>_<split>_<step>_<protocol>.{json,csv,png}`.

The JSON file is the summary, the CSV file has one line a clip and row, the PNG file shows the first
clips. The summary is written last: where it is, the other two are whole.
"""

import csv
import dataclasses
import io
import json
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from fevgan_jax.evaluation.measure import ROWS, Measured
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.errors import UserError

KEYS = ("row", "subject", "clip", "expression")
"""The first columns of the CSV file; the metrics follow."""
LEFT_OUT = "frames_left_out"
"""With a masked metric's name before it, the column that counts its frames with an empty mask."""


@dataclasses.dataclass(frozen=True)
class Result:
    """An evaluation in a workdir.

    Attributes:
      path: its summary file.
      summary: what that holds, see `evaluate`.
    """

    path: pathlib.Path
    summary: dict[str, Any]

    @property
    def sheet(self) -> pathlib.Path:
        """The picture of real above generated frames."""
        return self.path.with_suffix(".png")

    def clips(self, row: str = ROWS[0]) -> dict[str, np.ndarray]:
        """One row's clips, in the order of the evaluation.

        Args:
          row: one of `ROWS`.

        Returns:
          Columns `[N]` by name: texts for `KEYS`, floats for the others, NaN where a metric is not
          defined.

        Raises:
          UserError: their file is missing.
        """
        try:
            text = self.path.with_suffix(".csv").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise UserError(
                f"{error.filename}, the clips of {self.path.name}, is missing: put it back, or "
                f"evaluate again after removing {self.path}."
            ) from error
        lines = [line for line in csv.DictReader(io.StringIO(text)) if line["row"] == row]
        return {
            name: np.array([line[name] for line in lines])
            if name in KEYS
            else np.array([float(line[name] or "nan") for line in lines])
            for name in lines[0]
        }


def find(
    workdir: str | os.PathLike,
    dataset: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
) -> list[Result]:
    """The evaluations that a workdir holds.

    Args:
      workdir: the run.
      dataset: only of this set; None takes all, as for the others.
      split: only of this split.
      protocol: only of this protocol's hash.

    Returns:
      The results by step, and those of one step by age, the newest last.

    Raises:
      UserError: a summary is broken.
    """
    asked = {"dataset": dataset, "split": split, "protocol_hash": protocol}
    asked = {name: value for name, value in asked.items() if value is not None}
    results = []
    for path in sorted(pathlib.Path(workdir, "eval").glob("*.json"), key=os.path.getmtime):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path} is broken ({error}): remove it, and evaluate again."
            ) from error
        # Files of earlier versions, which name no protocol, hold other numbers.
        if "protocol_hash" in summary and all(summary[n] == value for n, value in asked.items()):
            results.append(Result(path, summary))
    return sorted(results, key=lambda result: result.summary["step"])


def latest(
    workdir: str | os.PathLike,
    dataset: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
) -> Result:
    """The last result of `find`, which takes the same arguments.

    Raises:
      UserError: there is none.
    """
    found = find(workdir, dataset, split, protocol)
    if not found:
        asked = {"set": dataset, "split": split, "protocol": protocol}
        wanted = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        raise UserError(
            f"{workdir} has no evaluation{' of ' * bool(wanted)}{wanted}: run "
            f"`python -m fevgan_jax.evaluate --workdir={workdir}"
            f"{' --split=' * bool(split)}{split or ''}`."
        )
    return found[-1]


def write(
    workdir: str | os.PathLike,
    summary: dict[str, Any],
    measured: Measured,
    class_names: Sequence[str],
) -> Result:
    """Writes the three files of an evaluation, each whole or not at all.

    Args:
      workdir: the run.
      summary: `dataset`, `split`, `step` and `protocol_hash` name the files.
      measured: the values of its clips.
      class_names: the expressions, in the order of the labels.
    """
    dataset = summary["dataset"].replace("/", "_")
    name = f"{dataset}_{summary['split']}_{summary['step']}_{summary['protocol_hash']}"
    path = pathlib.Path(workdir, "eval", f"{name}.json")
    result = Result(path, summary)
    write_atomic(path.with_suffix(".csv"), _table_of_clips(measured, class_names).encode())
    write_atomic(result.sheet, media.png(measured.sheet))
    write_atomic(path, (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode())
    return result


def _table_of_clips(measured: Measured, class_names: Sequence[str]) -> str:
    metrics = list(measured.values[ROWS[0]])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEYS, *metrics, *(f"{name}_{LEFT_OUT}" for name in measured.left_out)])
    for row in ROWS:
        columns = [measured.values[row][name] for name in metrics]
        columns += measured.left_out.values()
        for number, (subject, clip) in enumerate(measured.names):
            numbers = (float(column[number]) for column in columns)
            writer.writerow(
                [row, subject, clip, class_names[measured.labels[number]]]
                + [format(value, ".9g") if math.isfinite(value) else "" for value in numbers]
            )
    return text.getvalue()
