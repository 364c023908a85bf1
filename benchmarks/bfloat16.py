"""How far bfloat16 carries training from float32: `python benchmarks/bfloat16.py --folder=/big`.

Trains a narrow FEV-GAN on `synthetic_faces/tiny` twice from one seed, in float32 and with
`compute_dtype` bfloat16. Prints one JSON object: by loss term, the relative difference between the
two runs' means, over all steps and over the last quarter.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fevgan_jax.prepare import prepare
from fevgan_jax.train import train
from tests import narrow_config


def compare(folder: pathlib.Path, num_steps: int) -> dict[str, dict[str, float]]:
    """Trains both ways in `folder`."""
    prepare("synthetic_faces/tiny", str(folder))
    config = narrow_config.get_config()
    config.data.data_dir = str(folder)
    config.num_steps = config.checkpoint_every = config.sample_every = num_steps
    lines = {}
    for dtype in ("float32", "bfloat16"):
        config.compute_dtype = dtype
        train(config.copy_and_resolve_references(), folder / dtype)
        text = (folder / dtype / "metrics.jsonl").read_text()
        lines[dtype] = [json.loads(line) for line in text.splitlines()]
    spans = {"all_steps": 0, "last_quarter": 3 * num_steps // 4}
    return {
        name: {span: round(_difference(lines, name, start), 5) for span, start in spans.items()}
        for name in lines["float32"][0]
        if "loss" in name or name.startswith(("generator_", "discriminator_"))
    }


def _difference(lines: dict[str, list[dict]], name: str, start: int) -> float:
    means = {
        dtype: statistics.fmean(line[name] for line in each[start:])
        for dtype, each in lines.items()
    }
    return abs(means["bfloat16"] - means["float32"]) / abs(means["float32"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=os.environ.get("TMPDIR"), help="for temporary files")
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        found = compare(pathlib.Path(made), asked.steps)
    print(json.dumps({"steps": asked.steps, "relative_difference": found}))
