"""One run on several layouts of devices: `python benchmarks/same_losses.py`.

Trains 20 steps of a narrow FEV-GAN on `synthetic_faces/tiny` (with `--tiny`, of the tests' family
on their set) by the real `main`, on 1 device, on 8, by 2 processes of 2 devices and by 4 of 1, each
of which then evaluates the first one's checkpoint. Prints one JSON object: how far each layout's
losses at the first and at the last step lie from those of 1 device, relative, and how far its
evaluation, relative above 1 and absolute below.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fevgan_jax.prepare import prepare
from tests import several, tiny_clips

_LAYOUTS = ((1, 1), (1, 8), (2, 2), (4, 1))


def _main() -> None:
    # The flags of absl belong to the command under test.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where to make a temporary folder")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        folder = pathlib.Path(folder)
        if asked.tiny:
            config, data_dir = "tests/tiny_config.py", tiny_clips.prepare(folder)
        else:
            config, data_dir = "tests/narrow_config.py", folder
            prepare("synthetic_faces/tiny", str(folder))
        print(json.dumps(compare(folder, config, data_dir)))


def compare(folder: pathlib.Path, config: str, data_dir: pathlib.Path) -> dict[str, dict]:
    """Runs every layout and sets it beside the first."""
    seen = {}
    for count, devices in _LAYOUTS:
        name, log = f"{count} processes x {devices} devices", folder / "log"
        workdir = folder / name.replace(" ", "_")
        arguments = [f"--config={config}", f"--workdir={workdir}"]
        arguments.append(f"--config.data.data_dir={data_dir}")
        judged = workdir
        if seen:
            judged = folder / f"judged_{len(seen)}"
            shutil.copytree(folder / next(iter(seen)).replace(" ", "_"), judged)
        run = several.launch(arguments, log, count=count, devices=devices, then_evaluate=judged)
        statuses = several.finish(run, seconds=1800)
        if any(statuses):
            raise RuntimeError(f"{name}: exit statuses {statuses}:\n{log.read_text()[-5000:]}")
        lines = (workdir / "metrics.jsonl").read_text().splitlines()
        (file,) = (judged / "eval").glob("*.json")
        rows = json.loads(file.read_text())["rows"]
        seen[name] = (
            json.loads(lines[0]),
            json.loads(lines[-1]),
            {f"{row}/{key}": value for row in rows for key, value in rows[row]["overall"].items()},
        )
        print(name, "done", file=sys.stderr, flush=True)
    first, last, numbers = next(iter(seen.values()))
    return {
        layout: {
            "first_step": _distance(own[0], first, 1e-12),
            "last_step": _distance(own[1], last, 1e-12),
            "evaluation": _distance(own[2], numbers, 1.0),
        }
        for layout, own in seen.items()
    }


def _distance(own: dict, expected: dict, unit: float) -> float:
    return max(
        abs(own[name] - value) / max(abs(value), unit)
        for name, value in expected.items()
        if value is not None
    )


if __name__ == "__main__":
    _main()
