"""`main`, then `evaluate`, in one process: to start one takes longer than either."""

from absl import flags

from fevgan_jax import cli, main
from fevgan_jax.evaluate import evaluate


def _both():
    main.main()
    evaluate(flags.FLAGS.workdir)


if __name__ == "__main__":
    cli.run(_both)
