"""Exports a run's weights: `python -m fevgan_jax.export --workdir=runs/demo --output=weights`.

The folder can be given to another run as `--config.initial_weights`.
"""

from absl import flags

from fevgan_jax.runtime import cli
from fevgan_jax.training import released

if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "the trained run", required=True)
    _OUTPUT = flags.DEFINE_string("output", None, "the folder to create", required=True)
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(lambda: released.export(_WORKDIR.value, _OUTPUT.value, _WEIGHTS_DIR.value))
