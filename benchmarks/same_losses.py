"""One run on several layouts of devices: `python benchmarks/same_losses.py`.

Trains 20 steps of a narrow FEV-GAN on `synthetic_faces/tiny` by the real `main`, evaluates, and
compares: 1 device, 8 devices, 2 processes of 2 devices, 4 processes of 1. Prints one JSON object:
for each layout the largest relative difference of a loss at the first and at the last step, and
of an evaluation's number, from those of 1 device.
"""

import argparse
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fevgan_jax.prepare import prepare
from tests import several

_LAYOUTS = ((1, 1), (1, 8), (2, 2), (4, 1))


def _main() -> None:
    # The flags of absl belong to the command under test.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where to make a temporary folder")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as folder:
        print(json.dumps(compare(pathlib.Path(folder))))


def compare(folder: pathlib.Path) -> dict[str, dict[str, float]]:
    """Runs every layout and sets it beside the first."""
    prepare("synthetic_faces/tiny", str(folder / "data"))
    seen = {}
    for count, devices in _LAYOUTS:
        name, log = f"{count} processes x {devices} devices", folder / "log"
        workdir = folder / name.replace(" ", "_")
        arguments = ["--config=tests/narrow_config.py", f"--workdir={workdir}"]
        arguments.append(f"--config.data.data_dir={folder / 'data'}")
        run = several.launch(arguments, log, count=count, devices=devices, then_evaluate=True)
        statuses = several.finish(run, seconds=1800)
        if any(statuses):
            raise RuntimeError(f"{name}: exit statuses {statuses}:\n{log.read_text()[-5000:]}")
        lines = (workdir / "metrics.jsonl").read_text().splitlines()
        (file,) = (workdir / "eval").glob("*.json")
        rows = json.loads(file.read_text())["rows"]
        seen[name] = (
            json.loads(lines[0]),
            json.loads(lines[-1]),
            {f"{row}/{key}": value for row in rows for key, value in rows[row]["overall"].items()},
        )
        print(name, "done", file=sys.stderr, flush=True)
    expected = next(iter(seen.values()))
    names = ("first_step", "last_step", "evaluation")
    return {
        layout: {
            name: max(
                abs(own[key] - value) / max(abs(value), 1e-12)
                for key, value in wanted.items()
                if value is not None
            )
            for name, own, wanted in zip(names, values, expected, strict=True)
        }
        for layout, values in seen.items()
    }


if __name__ == "__main__":
    _main()
