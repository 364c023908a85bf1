"""How far bfloat16 carries training from float32: `python benchmarks/bfloat16.py --folder=/big`.

Trains a narrow FEV-GAN on `synthetic_faces/tiny` twice from one seed, in float32 and with
`compute_dtype` bfloat16, and for comparison once more in float32 from parameters that were moved by
their last bit. Prints one JSON object: by loss term, how far the means of these two lie from those
of the first, relative, over all steps and over the last quarter.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import rounding

from fevgan_jax.prepare import prepare
from fevgan_jax.train import train
from tests import narrow_config


def compare(folder: pathlib.Path, num_steps: int) -> dict[str, dict[str, dict[str, float]]]:
    """Trains the three ways in `folder`."""
    prepare("synthetic_faces/tiny", str(folder))
    config = narrow_config.get_config()
    config.data.data_dir = str(folder)
    config.num_steps = config.checkpoint_every = config.sample_every = num_steps
    runs = {
        "float32": ("float32", contextlib.nullcontext()),
        "bfloat16": ("bfloat16", contextlib.nullcontext()),
        "float32 moved by a bit": ("float32", rounding.moved_by_a_bit()),
    }
    lines = {}
    for name, (config.compute_dtype, start) in runs.items():
        with start:
            train(config.copy_and_resolve_references(), folder / name)
        text = (folder / name / "metrics.jsonl").read_text()
        lines[name] = [json.loads(line) for line in text.splitlines()]
    first = lines.pop("float32")
    spans = {"all_steps": slice(None), "last_quarter": slice(3 * num_steps // 4, None)}
    return {
        term: {
            name: {
                span: round(_difference(own[steps], first[steps], term), 5)
                for span, steps in spans.items()
            }
            for name, own in lines.items()
        }
        for term in first[0]
        if "loss" in term or term.startswith(("generator_", "discriminator_"))
    }


def _difference(own: list[dict], expected: list[dict], term: str) -> float:
    own, expected = (statistics.fmean(line[term] for line in each) for each in (own, expected))
    return abs(own - expected) / abs(expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=os.environ.get("TMPDIR"), help="for temporary files")
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        found = compare(pathlib.Path(made), asked.steps)
    print(json.dumps({"steps": asked.steps, "relative_difference": found}))
