"""Kills a short run repeatedly: `python benchmarks/scale/kills.py --kills=50`.

The run is `main` on the tests' tiny set. Each kill comes at a random moment: kill -9, SIGTERM, or
kill -9 while a checkpoint is being written. The same command then starts it again, until it has
finished; after a run that finishes before its kill, a new one starts. Prints one JSON object: the
kills by kind, the runs that finished, and whether each one's `metrics.jsonl` is byte for byte that
of an uninterrupted run.
"""

import argparse
import collections
import json
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from tests import several, tiny_clips

_KINDS = ("kill -9", "SIGTERM", "kill -9 in a save")


def _main() -> None:
    # argparse, because absl's flags are those of the command under test.
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="seed of the kinds and moments")
    parser.add_argument("--folder", help="parent of the temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print(json.dumps(kill_runs(pathlib.Path(folder), asked.kills, asked.seed)))


def kill_runs(folder: pathlib.Path, kills: int, seed: int) -> dict:
    """Kills runs `kills` times, and compares their metrics with an uninterrupted run's."""
    data_dir, log, chance = tiny_clips.prepare(folder / "data"), folder / "log", random.Random(seed)

    def start(workdir):
        arguments = ["--config=tests/tiny_config.py", f"--config.data.data_dir={data_dir}"]
        arguments += [f"--workdir={workdir}", "--config.num_steps=100"]
        return several.launch(arguments, log)[0]

    def finish(run):
        started = time.monotonic()
        if several.finish([run]) != [0]:
            raise RuntimeError(f"exit status {run.exitcode}:\n{log.read_text()[-5000:]}")
        return time.monotonic() - started

    finish(start(folder / "undisturbed"))
    expected = (folder / "undisturbed" / "metrics.jsonl").read_bytes()
    seconds = finish(start(folder / "timed"))  # its programs are compiled and cached

    done: collections.Counter[str] = collections.Counter()
    runs, began = [folder / "run0"], time.monotonic()
    while done.total() < kills:
        run, kind = start(runs[-1]), chance.choice(_KINDS)
        if kind == "kill -9 in a save":
            checkpoints = runs[-1] / "checkpoints"
            while run.is_alive() and not list(checkpoints.glob("*tmp*")):
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.1))
        else:
            time.sleep(chance.uniform(0, seconds / 2))
        if run.is_alive():
            (run.terminate if kind == "SIGTERM" else run.kill)()
        (status,) = several.finish([run])
        if status == 0:
            runs.append(folder / f"run{len(runs)}")
        elif status not in (143, -signal.SIGTERM, -signal.SIGKILL):
            raise RuntimeError(f"exit status {status}:\n{log.read_text()[-5000:]}")
        else:
            done[kind] += 1
            print(f"{done.total()} kills", status, file=sys.stderr, flush=True)
    finish(start(runs[-1]))
    return {
        "kills": done.total(),
        "by_kind": dict(done),
        "runs": len(runs),
        "seconds": round(time.monotonic() - began),
        "identical": all((run / "metrics.jsonl").read_bytes() == expected for run in runs),
    }


if __name__ == "__main__":
    _main()
