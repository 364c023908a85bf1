"""Evaluates a run: `python -m fevgan_jax.evaluate --workdir=runs/demo`.

Every clip of the split gives one neutral frame and one expression; what the model makes of them
is set beside the real clip, beside the rows `real` and `copy-input` (the neutral frame repeated),
and written to `eval/`, to TensorBoard and to the terminal.
"""

from absl import flags

from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.evaluation.report import table
from fevgan_jax.runtime import cli, processes


def _main() -> None:
    processes.start()
    summary = evaluate(_WORKDIR.value, _SPLIT.value, _DATA_DIR.value, _WEIGHTS_DIR.value)
    if processes.is_main():
        print(table(summary))


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "the run to measure", required=True)
    _SPLIT = flags.DEFINE_string("split", None, "a split; config.eval.split when not given")
    _DATA_DIR = flags.DEFINE_string("data_dir", None, "where the prepared set is now")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    processes.define_flags()
    cli.run(_main)
