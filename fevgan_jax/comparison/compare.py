"""From workdirs to the comparison's files."""

import os
import pathlib
import re
import shlex
from collections.abc import Sequence

import tqdm

from fevgan_jax.comparison import costs, differences, document, figures, page, rows
from fevgan_jax.comparison.figures import Figure
from fevgan_jax.comparison.rows import Row
from fevgan_jax.run import files
from fevgan_jax.runtime.disk import full_disk_is_bad_input
from fevgan_jax.runtime.errors import UserError


def compare(
    workdirs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    *,
    names: Sequence[str] = (),
    reference: str = "",
    split: str | None = None,
    notes: str | os.PathLike | None = None,
    data_dir: str | None = None,
    weights_dir: str | None = None,
) -> list[pathlib.Path]:
    """Compares evaluated runs.

    Args:
      workdirs: the runs.
      output: the folder of the comparison.
      names: the systems' titles, one a workdir; without them the folders' names.
      reference: the title or workdir of the system from which differences are taken; "" is the
        first that was evaluated.
      split: only evaluations of this split.
      notes: a Markdown file that is put before the tables.
      data_dir: where the evaluated set is now; where it was when not given.
      weights_dir: folder of the frozen nets.

    Returns:
      The files, `index.html` first: the page, the same as `report.md`, the figures as `table.csv`,
      and the pictures.

    Raises:
      UserError: a workdir holds no run, none was evaluated, two evaluations do not belong in one
        table, there is no such reference or file of notes, or the files cannot be written.
    """
    files.require_folder(output)
    asked = {
        "workdirs": ",".join(map(str, workdirs)),
        "output": output,
        "names": ",".join(names),
        "reference": reference,
        "split": split,
        "notes": notes,
        "data_dir": data_dir,
        "weights_dir": weights_dir,
    }
    systems = rows.load(workdirs, names, split)
    rows.check(systems)
    evaluated = [row for row in systems if row.result]
    chosen = [row for row in evaluated if reference in ("", row.title, str(row.workdir))]
    if not chosen:
        raise UserError(
            f"no evaluated system is called {reference!r}: give one of "
            f"{', '.join(row.title for row in evaluated)} as --reference."
        )
    base = chosen[0]
    said = _read(notes) if notes else ""
    apart = {row.title: differences.of_row(row, base) for row in evaluated}
    there = [row for row in evaluated if row.checkpoint is not None]
    shown, paces = _pictures(there, data_dir, weights_dir) if there else ([], {})
    remarks = [row.remark for row in evaluated if row.remark]
    spent = {row.title: costs.of_run(row) for row in systems}

    summary = base.summary
    variants = [row for row in systems if row.config.model.name == base.config.model.name]
    others = [row for row in systems if row is base or row not in variants]
    parts = [f"# {len(systems)} systems on {summary['dataset']}, {summary['split']} split", said]
    parts += ["## Systems", document.quality(others, base, apart), document.legend(base)]
    if len(variants) > 1:
        parts += [f"## Variants of {base.title}", document.quality(variants, base, apart)]
    parts += ["## Cost", document.costs(spent, paces)]
    parts += ["## Pictures", document.pictures(shown, remarks)]
    parts += ["## The paper's own numbers", document.paper()]
    parts += ["## How the numbers were made", document.protocol(base, evaluated)]
    flags = [f"--{name}={value}" for name, value in asked.items() if value]
    parts += [document.made_by(shlex.join(["python", "-m", "fevgan_jax.compare", *flags]))]
    text = "\n\n".join(part for part in parts if part) + "\n"

    made = {
        "index.html": page.render(text, shown).encode(),
        "report.md": text.encode(),
        "table.csv": document.as_csv(systems, apart).encode(),
        **{figure.file: figure.data for figure in shown},
    }
    with full_disk_is_bad_input(output):
        for name, data in reversed(made.items()):  # the page last: where it is, the rest is whole
            files.write_atomic(pathlib.Path(output, name), data)
    return [pathlib.Path(output, name) for name in made]


def _pictures(
    systems: Sequence[Row], data_dir: str | None, weights_dir: str | None
) -> tuple[list[Figure], dict[str, float]]:
    """The figures, and how many clips a second each system makes."""
    one_person, one_expression = figures.choose(systems[0], data_dir)
    worst = {row.title: figures.failures(row) for row in systems}
    shown = []
    for row in tqdm.tqdm(systems, desc="compare", unit="system"):
        clips = [*one_person, *one_expression, *(clip for *_, clip in worst[row.title])]
        shown.append(figures.show(row, clips, data_dir, weights_dir))
    who, what = one_person[0].subject, one_expression[0].expression
    made = []
    for file, caption, clips in (
        (
            "one_person",
            f"One person ({who}) in {', '.join(clip.expression for clip in one_person)}",
            one_person,
        ),
        ("one_expression", f"{what.capitalize()} of several people", one_expression),
    ):
        made.append(figures.apexes(file, f"{caption}: photo and last frames", shown, clips))
        made.append(figures.moving(f"{file}_moving", f"{caption}, moving", shown, clips))
    made += [
        figures.transitions(
            "transition_" + re.sub(r"\W", "_", clip.expression),
            f"{clip.expression.capitalize()} of {who}, from the photo to the last frame",
            shown,
            clip,
        )
        for clip in one_person
    ]
    for number, system in enumerate(shown):
        failed = worst[system.title]
        for place, (metric, value, clip) in enumerate(failed):
            made.append(
                figures.transitions(
                    f"failure_{number}_{place}",
                    f"A failure of {system.title}, picked by {metric} ({value:.3g}): "
                    f"{clip.expression} of {clip.subject}",
                    [system],
                    clip,
                )
            )
        if failed:
            caption = f"These failures of {system.title}, moving"
            clips = [clip for *_, clip in failed]
            made.append(figures.moving(f"failures_{number}", caption, [system], clips))
    return made, {system.title: system.clips_per_second for system in shown}


def _read(path: str | os.PathLike) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text ({error}): check --notes.") from error
