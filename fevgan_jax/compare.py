"""Compares evaluated runs: `python -m fevgan_jax.compare --workdirs=A,B,C --output=report`.

Writes one HTML page that needs no other file, the same as Markdown, its figures as CSV, and its
pictures: tables with intervals and marks of significance, what each system costs, and the systems'
videos of the same test clips side by side.
"""

from absl import flags

from fevgan_jax.comparison.compare import compare
from fevgan_jax.runtime import cli


def _main() -> None:
    made = compare(
        _WORKDIRS.value,
        _OUTPUT.value,
        names=_NAMES.value,
        reference=_REFERENCE.value,
        split=_SPLIT.value,
        notes=_NOTES.value,
        data_dir=_DATA_DIR.value,
        weights_dir=_WEIGHTS_DIR.value,
    )
    print(*made, sep="\n")


if __name__ == "__main__":
    _WORKDIRS = flags.DEFINE_list("workdirs", None, "the runs, with commas", required=True)
    _OUTPUT = flags.DEFINE_string("output", None, "the folder of the comparison", required=True)
    _NAMES = flags.DEFINE_list("names", [], "their titles; the folders' names when not given")
    _REFERENCE = flags.DEFINE_string("reference", "", "what others differ from: title or workdir")
    _SPLIT = flags.DEFINE_string("split", None, "only evaluations of this split")
    _NOTES = flags.DEFINE_string("notes", None, "a Markdown file to put before the tables")
    _DATA_DIR = flags.DEFINE_string("data_dir", None, "where the prepared set is now")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
