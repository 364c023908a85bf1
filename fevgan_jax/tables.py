"""Trains every system of the paper's comparison and compares them: `make tables`.

    python -m fevgan_jax.tables --size=small --output=runs/tables

Each run of `configs/tables.py` is trained and evaluated, or exported where a second stage starts
from it, by commands that stand in its log. It prints a line for each run, and at the end the pages.
What is done is kept: the same command run again goes on, also after a kill.
"""

import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import ml_collections
import tqdm
from absl import flags

from fevgan_jax.comparison.compare import compare
from fevgan_jax.configs import tables
from fevgan_jax.evaluation import results
from fevgan_jax.prepare import prepare
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import Preempted, UserError


class FailedError(Exception):
    """A command of a run ended with an error."""


def make_tables(
    size: str,
    output: pathlib.Path,
    only: Sequence[str] = (),
    data_dir: str = "",
    weights_dir: str | None = None,
) -> list[pathlib.Path]:
    """Prepares the data, trains and evaluates each run, and compares them.

    Args:
      size: one of `tables.CLIPS`.
      output: the folder for everything: a workdir for each run, `weights/`, `logs/`, `report/`.
      only: names of the runs; none takes all.
      data_dir: folder of the prepared sets; "" is TFDS's.
      weights_dir: folder of the frozen nets.

    Returns:
      The files of the comparison; none where `only` names first stages alone.

    Raises:
      UserError: there is no such run, a first stage has another number of steps, or at least one
        run failed; the others are then finished.
      Preempted: SIGTERM came, and the run in training has saved its state.
    """
    names = list(only) or list(tables.RUNS)
    configs = {name: tables.get_config(f"{size}/{name}") for name in names}
    _check_first_stages(configs, output)
    sets = [name for c in configs.values() for name in (c.data.dataset, c.eval.dataset)]
    for dataset in dict.fromkeys(sets):
        prepare(dataset, data_dir)
    failed = []
    with tqdm.tqdm(total=len(names), desc="tables", unit="run") as progress:
        for name in names:
            progress.set_postfix_str(name)
            start = time.monotonic()
            try:
                said = _do(f"{size}/{name}", configs[name].num_steps, output, data_dir, weights_dir)
            except FailedError as error:
                failed.append(name)
                said = str(error)
            progress.write(f"{name}: {said} ({(time.monotonic() - start) / 60:.0f} min)")
            progress.update()
    if failed:
        raise UserError(
            f"{', '.join(failed)} failed: see {output / 'logs'}, then run the same command again, "
            "which keeps what is done."
        )
    compared = {name: title for name, title in tables.TITLES.items() if name in names}
    if not compared:
        return []
    return compare(
        [output / name for name in compared],
        output / "report",
        names=list(compared.values()),
        weights_dir=weights_dir,
    )


def _check_first_stages(
    configs: Mapping[str, ml_collections.ConfigDict], output: pathlib.Path
) -> None:
    """Raises UserError if one is exported with another length: its second stage began there."""
    for second, first in tables.STARTS_FROM.items():
        exported = output / "weights" / first
        if first not in configs or not (exported / "config.json").is_file():
            continue
        seen, wanted = read_config(exported).num_steps, configs[first].num_steps
        if seen != wanted:
            raise UserError(
                f"{exported} has {seen} steps of {first}, not {wanted}, and {second} starts from "
                f"it: remove it, {output / first} and {output / second} to train both again."
            )


def _do(
    run: str, num_steps: int, output: pathlib.Path, data_dir: str, weights_dir: str | None
) -> str:
    """Brings a run to its end and says in a few words where it is."""
    name = run.partition("/")[2]
    workdir, exported = output / name, output / "weights" / name
    is_first_stage = name in tables.STARTS_FROM.values()
    if is_first_stage and (exported / "config.json").is_file():
        return "exported before"
    if not is_first_stage and (there := _evaluated(workdir, num_steps)):
        return f"evaluated before, {there}"
    log = output / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    where = [f"--weights_dir={weights_dir}"] if weights_dir else []
    training = [f"--config=tables:{run}", f"--config.data.data_dir={data_dir}"]
    if first := tables.STARTS_FROM.get(name):
        training.append(f"--config.initial_weights={(output / 'weights' / first).resolve()}")
    _run(["main", *training, f"--workdir={workdir}", *where], log)
    if is_first_stage:
        _run(["export", f"--workdir={workdir}", f"--output={exported}"], log)
        return f"{num_steps} steps, exported"
    _run(["evaluate", f"--workdir={workdir}", *where], log)
    return f"{num_steps} steps, {_evaluated(workdir, num_steps)}"


def _evaluated(workdir: pathlib.Path, step: int) -> str:
    """The figures of the evaluation of this step; "" where there is none."""
    found = [each.summary for each in results.find(workdir) if each.summary["step"] == step]
    if not found:
        return ""
    overall = found[-1]["rows"]["model"]["overall"]
    means = {name: overall[name]["mean"] for name in found[-1]["metrics"]}
    return ", ".join(f"{name} {mean:.3g}" for name, mean in means.items() if mean is not None)


def _run(command: list[str], log: pathlib.Path) -> None:
    """Runs a command of this package, its output at the end of a log.

    Raises:
      FailedError: it did not end with status 0.
      Preempted: it was stopped by SIGTERM, which is handed on to it.
    """
    module, *arguments = command
    command = [sys.executable, "-m", f"fevgan_jax.{module}", *arguments]
    with log.open("a") as file:
        print(shlex.join(["python", *command[1:]]), file=file, flush=True)
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            status = child.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
    if status in (cli.PREEMPTED, -signal.SIGTERM):
        raise Preempted(f"{module} was stopped")
    if status:
        last = log.read_text(errors="replace").strip().splitlines()[-1]
        raise FailedError(f"{module} failed with status {status}: {last}")


def _main() -> None:
    output = pathlib.Path(_OUTPUT.value)
    made = make_tables(_SIZE.value, output, _ONLY.value, _DATA_DIR.value, _WEIGHTS_DIR.value)
    print(*made, sep="\n")


if __name__ == "__main__":
    _SIZE = flags.DEFINE_enum("size", "small", list(tables.CLIPS), "how wide and how long")
    _OUTPUT = flags.DEFINE_string("output", "runs/tables", "the folder for everything it makes")
    _ONLY = flags.DEFINE_list("only", [], "names of runs; all when not given")
    _DATA_DIR = flags.DEFINE_string("data_dir", "", "folder of the prepared sets; TFDS's if empty")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
