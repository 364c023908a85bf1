"""Runs the benchmarks and writes their output to `benchmarks/RESULTS.md`: `make bench`.

Each runs in a process of its own; on a GPU there are some more. A failure is noted in the page, the
others are still run, and the exit status is then not 0.
"""

import datetime
import itertools
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys

import tqdm

from fevgan_jax.run.files import write_atomic

_HERE = pathlib.Path(__file__).parent
_COMMANDS = (
    "speed/step.py --config=mug --batch_size=4 --vs=torch",
    "speed/step.py --config=mug --batch_size=16 --steps=3 --vs=torch",
    "speed/step.py --config=demo --batch_size=16 --steps=7 --vs=torch",
    "speed/layers.py --config=mug --batch_size=4",
    "speed/sampling.py --config=demo",
    "speed/cold_start.py --runs=5 --config=demo --config.data.dataset=synthetic_faces/tiny",
    "speed/render.py",
    "speed/render.py --what=pairs",
    "speed/recognizers.py",
    "speed/prepare.py",
    "speed/input.py --config=mug --dataset=synthetic_faces/tiny",
)
_ON_A_GPU = (
    "speed/step.py --config=mug --config.compute_dtype=bfloat16 --batch_size=16 --steps=50 "
    "--vs=torch",
    "speed/accelerator.py --config=mug --config.compute_dtype=bfloat16",
    # XLA's default layout of 3D convolutions is channels first.
    "XLA_FLAGS=--xla_gpu_force_conv_nhwc=true "
    "speed/accelerator.py --config=mug --config.compute_dtype=bfloat16",
    "speed/layers.py --config=mug --batch_size=16 --native",
    "scale/bfloat16.py --config=demo --config.data.dataset=synthetic_faces/tiny",
)


def main() -> int:
    """Writes the page and returns the number of failed benchmarks."""
    parts, failures = [_heading()], 0
    # From the driver: JAX in this process would take the GPU's memory from the benchmarks.
    commands = _COMMANDS + (_ON_A_GPU if shutil.which("nvidia-smi") else ())
    for command in tqdm.tqdm(commands, "benchmarks", unit="script"):
        words = shlex.split(command)
        settings = list(itertools.takewhile(lambda word: not word.endswith(".py"), words))
        script, *arguments = words[len(settings) :]
        done = subprocess.run(
            ["env", *settings, sys.executable, _HERE / script, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        failures += done.returncode != 0
        said = done.stdout.strip() if done.returncode == 0 else "failed"
        told = shlex.join([*settings, "python", f"benchmarks/{script}", *arguments])
        parts.append(f"## `{told}`\n\n```json\n{said}\n```\n")
        write_atomic(_HERE / "RESULTS.md", "\n".join(parts).encode())
    return failures


def _heading() -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        "# Results\n\n"
        f"Written by `make bench` on {today}: {_processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, packages as in "
        "`constraints.txt`. Load before the start: "
        f"{os.getloadavg()[0]:.1f}. Other machines, other numbers: compare within one run.\n"
    )


def _processor() -> str:
    try:
        told = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.split(":")[1].strip() for line in told.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
