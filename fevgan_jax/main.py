"""Trains a model: `python -m fevgan_jax.main --config=configs/demo.py --workdir=runs/demo`."""

from absl import flags

from fevgan_jax.runtime import cli, config_flag, processes
from fevgan_jax.training.loop import train

_CONFIG = config_flag.define("config", "the experiment: a config file's path or bare name")
_WORKDIR = flags.DEFINE_string("workdir", None, "folder of the run", required=True)
_WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
processes.define_flags()


def main() -> None:
    """Joins the run's other processes, if there are any, and trains."""
    processes.start()
    train(_CONFIG.value, _WORKDIR.value, _WEIGHTS_DIR.value)


if __name__ == "__main__":
    cli.run(main)
