"""Compares one run on several device layouts: `python benchmarks/scale/same_losses.py`.

Trains 20 steps of a narrow FEV-GAN on `synthetic_faces/tiny` (with `--tiny`, of the tests' family
on their set) by the real `main`, on 1 device, on 8, by 2 processes of 2 devices and by 4 of 1, each
of which then evaluates the first one's checkpoint. Prints one JSON object: the
relative difference of each layout's losses at the first and at the last step from those of 1
device, and the difference of its evaluation, relative above 1 and absolute below. For comparison,
the same for 1 device from parameters increased by their last bit, which shows how far training
amplifies rounding.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import rounding

from fevgan_jax.evaluation import results
from fevgan_jax.prepare import prepare
from fevgan_jax.training.loop import train
from tests import several, tiny_clips
from tests.conftest import COMPILE_FAST

_LAYOUTS = ((1, 1), (1, 8), (2, 2), (4, 1))


def _main() -> None:
    # argparse, because absl's flags are those of the command under test.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="parent of the temporary folder")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        folder = pathlib.Path(folder)
        if asked.tiny:
            config, data_dir = "tiny_config", tiny_clips.prepare(folder)
        else:
            config, data_dir = "narrow_config", folder
            prepare("synthetic_faces/tiny", str(folder))
        print(json.dumps(compare(folder, config, data_dir)))


def compare(folder: pathlib.Path, config: str, data_dir: pathlib.Path) -> dict[str, dict]:
    """Runs every layout and compares it with the first."""
    seen = {}
    for count, devices in _LAYOUTS:
        name, log = f"{count} processes x {devices} devices", folder / "log"
        workdir = folder / name.replace(" ", "_")
        arguments = [f"--config=tests/{config}.py", f"--workdir={workdir}"]
        arguments.append(f"--config.data.data_dir={data_dir}")
        judged = workdir
        if seen:
            judged = folder / f"judged_{len(seen)}"
            shutil.copytree(folder / next(iter(seen)).replace(" ", "_"), judged)
        run = several.launch(arguments, log, count=count, devices=devices, then_evaluate=judged)
        statuses = several.finish(run, seconds=1800)
        if any(statuses):
            raise RuntimeError(f"{name}: exit statuses {statuses}:\n{log.read_text()[-5000:]}")
        rows = results.latest(judged).summary["rows"]
        seen[name] = (
            *_first_and_last(workdir),
            {
                f"{row}/{name}": estimate["mean"]
                for row in rows
                for name, estimate in rows[row]["overall"].items()
            },
        )
        print(name, "done", file=sys.stderr, flush=True)
    first, last, numbers = next(iter(seen.values()))
    moved = folder / "moved_by_a_bit"
    process = multiprocessing.get_context("spawn").Process(
        target=_train_moved, args=(config, str(data_dir), moved)
    )
    process.start()
    process.join()
    seen[moved.name] = (*_first_and_last(moved), numbers)
    return {
        layout: {
            "first_step": _distance(own[0], first, 1e-12),
            "last_step": _distance(own[1], last, 1e-12),
            "evaluation": _distance(own[2], numbers, 1.0),
        }
        for layout, own in seen.items()
    }


def _train_moved(config: str, data_dir: str, workdir: pathlib.Path) -> None:
    """Trains on one device from parameters that are increased by their last bit."""
    os.environ["XLA_FLAGS"] = COMPILE_FAST
    experiment = importlib.import_module(f"tests.{config}").get_config()
    experiment.data.data_dir = data_dir
    with rounding.moved_by_a_bit():
        train(experiment, workdir)


def _first_and_last(workdir: pathlib.Path) -> list[dict[str, float]]:
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    # Accuracies are counts of clips: one logit near zero changes them by an eighth.
    return [
        {name: value for name, value in json.loads(line).items() if "accuracy" not in name}
        for line in (lines[0], lines[-1])
    ]


def _distance(own: dict, expected: dict, unit: float) -> float:
    return max(
        abs(own[name] - value) / max(abs(value), unit)
        for name, value in expected.items()
        if value is not None
    )


if __name__ == "__main__":
    _main()
