"""Trains a model: `python -m fevgan_jax.main --config=configs/demo.py --workdir=runs/demo`."""

import jax
from absl import flags

from fevgan_jax import cli, config_flag
from fevgan_jax.train import train

_CONFIG = config_flag.define("config", "the experiment: a config file's path or bare name")
_WORKDIR = flags.DEFINE_string("workdir", None, "where the run lives", required=True)
_WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
_DISTRIBUTED = flags.DEFINE_bool("distributed", False, "one of several processes of one run")


def main() -> None:
    """Starts the distributed run where there is one, and hands over to `train`."""
    if _DISTRIBUTED.value:
        jax.distributed.initialize()
    train(_CONFIG.value, _WORKDIR.value, _WEIGHTS_DIR.value)


if __name__ == "__main__":
    cli.run(main)
