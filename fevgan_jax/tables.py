"""Trains every system of the paper's comparison and compares them: `make tables`.

    python -m fevgan_jax.tables --size=small --output=runs/tables

Each run of `configs/tables.py` is trained and evaluated, or exported where a second stage starts
from it, by commands that stand in its log. It prints a line for each run, and at the end the pages.
What is done is kept: the same command run again goes on, also after a kill. A run of another config
or data set is refused before anything is trained.
"""

import copy
import pathlib
import time
from collections.abc import Mapping, Sequence

import ml_collections
import tqdm
from absl import flags

from fevgan_jax.comparison.compare import compare
from fevgan_jax.configs import tables
from fevgan_jax.data.prepared import open_source
from fevgan_jax.evaluation import results
from fevgan_jax.prepare import prepare
from fevgan_jax.run import files
from fevgan_jax.run.workdir import find_changes, read_config
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.commands import Commands, FailedError
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.loop import describe_data


def make_tables(
    size: str,
    output: pathlib.Path,
    only: Sequence[str] = (),
    data_dir: str = "",
    weights_dir: str | None = None,
    jobs: int = 1,
) -> list[pathlib.Path]:
    """Prepares the data, trains and evaluates each run, and compares them.

    Args:
      size: one of `tables.CLIPS`.
      output: the folder for everything: a workdir for each run, `weights/`, `logs/`, `report/`.
      only: names of the runs; none takes all.
      data_dir: folder of the prepared sets; "" is TFDS's.
      weights_dir: folder of the frozen nets.
      jobs: runs trained at once, each on its share of the CPU's cores: narrow models gain less
        from a second core than from having one of their own.

    Returns:
      The files of the comparison; none where `only` names first stages alone.

    Raises:
      UserError: there is no such run, the folder is a file or holds a run of another config or data
        set, there are fewer cores than jobs, or at least one run failed; the others are then
        finished.
      Preempted: SIGTERM came, and the runs in training have saved their states.
    """
    files.require_folder(output)
    configs = {name: tables.get_config(f"{size}/{name}") for name in only or tables.RUNS}
    names = [name for name in tables.RUNS if name in configs]
    _check_first_stages(configs, output)
    commands = Commands(jobs)
    sets = [name for c in configs.values() for name in (c.data.dataset, c.eval.dataset)]
    for dataset in dict.fromkeys(sets):
        prepare(dataset, data_dir)
    done = _done(configs, output, data_dir)
    running, failed = [], []
    with tqdm.tqdm(total=len(names), desc="tables", unit="run") as progress, commands:

        def do_all(chain: Sequence[str]) -> None:
            for name in chain:
                start = time.monotonic()
                running.append(name)
                progress.set_postfix_str(", ".join(running))
                try:
                    said = done.get(name) or _do(
                        f"{size}/{name}", commands, output, data_dir, weights_dir
                    )
                except FailedError as error:
                    failed.append(name)
                    said = str(error)
                running.remove(name)
                progress.write(f"{name}: {said} ({(time.monotonic() - start) / 60:.0f} min)")
                progress.update()

        commands.each(do_all, _chains(names))
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


def _chains(names: Sequence[str]) -> list[list[str]]:
    """The runs, each second stage behind its first, which comes right before it."""
    chains = []
    for name in names:
        if chains and tables.STARTS_FROM.get(name) == chains[-1][-1]:
            chains[-1].append(name)
        else:
            chains.append([name])
    return chains


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


def _done(
    configs: Mapping[str, ml_collections.ConfigDict], output: pathlib.Path, data_dir: str
) -> dict[str, str]:
    """The runs that are at their end, with a few words on where that is.

    Raises:
      UserError: a run's folder holds another experiment.
    """
    done = {}
    for name, config in configs.items():
        changed = _changed(config, output / name, data_dir)
        if name in tables.STARTS_FROM.values():
            if (output / "weights" / name / "config.json").is_file():
                done[name] = "exported before"
            continue
        there = _evaluated(output / name, config.num_steps)
        if there and not any(field.startswith("eval.") for field in changed):
            done[name] = f"evaluated before, {there}"
    return done


def _changed(config: ml_collections.ConfigDict, workdir: pathlib.Path, data_dir: str) -> list[str]:
    """The fields in which a run's config differs from that of its folder, of those that may.

    Raises:
      UserError: the folder holds another experiment.
    """
    if not (workdir / "config.json").is_file():
        return []
    config = copy.deepcopy(config)
    config.data.data_dir = data_dir
    data = config.data
    describe_data(config, open_source(data_dir, data.dataset, "train", data.frames))
    return [change["field"] for change in find_changes(config, workdir)]


def _do(
    run: str,
    commands: Commands,
    output: pathlib.Path,
    data_dir: str,
    weights_dir: str | None,
) -> str:
    """Brings a run to its end and says in a few words where it is."""
    name = run.partition("/")[2]
    workdir, num_steps = output / name, tables.get_config(run).num_steps
    log = output / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    where = [f"--weights_dir={weights_dir}"] if weights_dir else []
    training = [f"--config=tables:{run}", f"--config.data.data_dir={data_dir}"]
    if first := tables.STARTS_FROM.get(name):
        training.append(f"--config.initial_weights={(output / 'weights' / first).resolve()}")
    commands.run(["main", *training, f"--workdir={workdir}", *where], log)
    if name in tables.STARTS_FROM.values():
        exported = output / "weights" / name
        commands.run(["export", f"--workdir={workdir}", f"--output={exported}", *where], log)
        return f"{num_steps} steps, exported"
    commands.run(["evaluate", f"--workdir={workdir}", *where], log)
    return f"{num_steps} steps, {_evaluated(workdir, num_steps)}"


def _evaluated(workdir: pathlib.Path, step: int) -> str:
    """The figures of the evaluation of this step; "" where there is none."""
    found = [each.summary for each in results.find(workdir) if each.summary["step"] == step]
    if not found:
        return ""
    overall = found[-1]["rows"]["model"]["overall"]
    means = {name: overall[name]["mean"] for name in found[-1]["metrics"]}
    return ", ".join(f"{name} {mean:.3g}" for name, mean in means.items() if mean is not None)


def _main() -> None:
    output = pathlib.Path(_OUTPUT.value)
    made = make_tables(
        _SIZE.value, output, _ONLY.value, _DATA_DIR.value, _WEIGHTS_DIR.value, _JOBS.value
    )
    print(*made, sep="\n")


if __name__ == "__main__":
    _SIZE = flags.DEFINE_enum("size", "small", list(tables.CLIPS), "how wide and how long")
    _OUTPUT = flags.DEFINE_string("output", "runs/tables", "the folder for everything it makes")
    _ONLY = flags.DEFINE_list("only", [], "names of runs; all when not given")
    _JOBS = flags.DEFINE_integer(
        "jobs", 1, "runs at once, each on its share of a CPU's cores", lower_bound=1
    )
    _DATA_DIR = flags.DEFINE_string("data_dir", "", "folder of the prepared sets; TFDS's if empty")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
