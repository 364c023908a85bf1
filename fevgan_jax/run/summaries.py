"""A run's numbers, pictures and videos, for TensorBoard and for programs.

Numbers go to TensorBoard and to `metrics.jsonl`, whose lines a CPU run repeats exactly.
"""

import contextlib
import functools
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime.disk import full_disk_is_bad_input


class Summaries:
    """What a run says about itself; a context manager.

    Only one process writes; in the others every call does nothing.
    """

    def __init__(self, workdir: str | os.PathLike, is_writer: bool = True):
        """Opens nothing: the folder and its event file begin with the first write.

        Args:
          workdir: the run's folder.
          is_writer: whether this process writes.
        """
        self.metrics_path = pathlib.Path(workdir) / "metrics.jsonl"
        self._is_writer = is_writer
        self._on_exit = contextlib.ExitStack()

    @functools.cached_property
    def _tensorboard(self):
        from fevgan_jax.run import event_file

        workdir = self.metrics_path.parent
        with full_disk_is_bad_input(workdir):
            writer = event_file.open_writer(workdir, self._is_writer)
        self._on_exit.callback(writer.close)
        return writer

    def __enter__(self) -> "Summaries":
        return self

    def __exit__(self, *exception: object) -> None:
        # The event file is written in the background: its errors come out here at the latest.
        with full_disk_is_bad_input(self.metrics_path.parent):
            self._on_exit.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers that belong to the run: losses, metrics; no timings.

        `metrics.jsonl` gets one line, sorted by name and on the disk when this returns. A number
        that is not finite is written as JSON's null, which every reader takes.

        Args:
          step: the step they belong to.
          values: scalars by name.
        """
        if not self._is_writer:
            return
        values = {name: float(value) for name, value in values.items()}
        self._tensorboard.write_scalars(step, values)
        line = {"step": int(step)} | {
            name: values[name] if math.isfinite(values[name]) else None for name in sorted(values)
        }
        # One write of one line: a kill leaves it whole, missing, or torn at the very end.
        with (
            full_disk_is_bad_input(self.metrics_path.parent),
            open(self.metrics_path, "a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def timings(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers that differ from run to run, to TensorBoard alone."""
        self._tensorboard.write_scalars(step, dict(values))

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Writes what an evaluation measured, to TensorBoard: its own file has the table."""
        self._tensorboard.write_scalars(step, dict(values))

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Writes pictures, uint8 `[H, W, 3]` by name."""
        self._tensorboard.write_images(step, pictures)

    def videos(self, step: int, clips: Mapping[str, np.ndarray]) -> None:
        """Writes videos, uint8 `[T, H, W, 3]` by name, that play in TensorBoard's page."""
        self._tensorboard.write_videos(step, clips)

    def text(self, step: int, texts: Mapping[str, str]) -> None:
        """Writes Markdown by name."""
        self._tensorboard.write_texts(step, texts)

    def hparams(self, config: Mapping[str, Any], overview: str) -> None:
        """Writes what a run is: its config and the table of its parameters.

        Args:
          config: nested dict; a value that TensorBoard's table cannot hold is written as text.
          overview: the parameter overview, shown as it stands.
        """
        flat = {
            name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
            for name, value in _flatten(config)
        }
        self._tensorboard.write_hparams(flat)
        self.text(
            0,
            {
                "config": _verbatim(json.dumps(config, indent=2, sort_keys=True)),
                "parameters": _verbatim(overview),
            },
        )

    def flush(self) -> None:
        """Returns when everything written so far is in the event file."""
        self._tensorboard.flush()

    def cut_back(self, step: int) -> None:
        """Makes `metrics.jsonl` that of a run which stopped at `step`.

        Later lines will be written again by the run that goes on, and a last line that a kill tore
        is no line. TensorBoard needs no such thing: it shows the newest value of a step.

        Args:
          step: the step that was restored.
        """
        if not self._is_writer or not self.metrics_path.exists():
            return
        whole = self.metrics_path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in whole if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_atomic(self.metrics_path, "".join(kept).encode())


def _flatten(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            pairs += _flatten(value, f"{prefix}{name}.")
        else:
            pairs.append((prefix + name, value))
    return pairs


def _verbatim(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
