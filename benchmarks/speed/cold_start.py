"""Times commands from their start: `python benchmarks/speed/cold_start.py --config=demo --runs=3`.

Each run is a process of its own. Two kinds train until the first step is done, one with an empty
compilation cache and one with an earlier run's; a third generates six expressions of a photograph
from that run's checkpoint. The kinds alternate. Other arguments are passed to `main`, whose data
set must be prepared. Prints one JSON object: milliseconds from the command to the first step or to
the end (median, minimum and maximum), cores and versions.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import skimage.data
from step import about, summary

from fevgan_jax.run import media


def _main() -> None:
    # argparse, because absl's flags are those of the commands under test.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    asked, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(pathlib.Path(folder), asked.runs, arguments)
    print(json.dumps(about(asked.runs) | found))


def measure(folder: pathlib.Path, num_runs: int, arguments: list[str]) -> dict[str, dict]:
    """Runs each kind `num_runs` times, after a run that fills the cache and saves a checkpoint."""
    photo, trained, cache = folder / "photo.png", folder / "trained", folder / "cache"
    photo.write_bytes(media.png(skimage.data.astronaut()))
    training = [*arguments, "--config.num_steps=1"]
    _run("main", f"--workdir={trained}", *training, cache=cache)
    caches = {"first_step_without_cache": None, "first_step_with_cache": cache}
    milliseconds = {kind: [] for kind in (*caches, "generate")}
    for run in range(num_runs):
        for kind, kept in caches.items():
            workdir = f"--workdir={folder / kind}_{run}"
            spent = _run("main", workdir, *training, cache=kept, until="Step 1 is done")
            milliseconds[kind].append(spent)
        made = [f"--photo={photo}", f"--output={folder / 'videos'}"]
        milliseconds["generate"].append(_run("generate", f"--workdir={trained}", *made))
    return {kind: summary(spent) for kind, spent in milliseconds.items()}


def _run(
    command: str, *arguments: str, cache: pathlib.Path | None = None, until: str | None = None
) -> float:
    """Milliseconds until a command logs `until`, or to its end."""
    settings = {name: value for name, value in os.environ.items() if "COMPILATION" not in name}
    if cache:
        settings["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    said, start = [], time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", f"fevgan_jax.{command}", *arguments],
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr:
            said.append(line)
            if until and until in line:
                spent = time.perf_counter() - start
                process.kill()
                return 1e3 * spent
        if process.wait() or until:
            raise RuntimeError(f"{command} failed:\n{''.join(said[-50:])}")
        return 1e3 * (time.perf_counter() - start)


if __name__ == "__main__":
    _main()
