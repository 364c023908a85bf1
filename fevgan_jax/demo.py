"""The whole job from nothing: `make demo`.

Prepares the data of a config, trains, evaluates on people it was not trained on, and makes six
expressions of a rendered head and of a photograph.
"""

import pathlib

import ml_collections
import skimage.data
from absl import flags

from fevgan_jax import EXPRESSIONS
from fevgan_jax.evaluation import results
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.evaluation.report import table
from fevgan_jax.generate import generate, write_outputs
from fevgan_jax.prepare import prepare
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime import cli, config_flag
from fevgan_jax.tfds_builders.synthetic_faces.clip import render_subject
from fevgan_jax.training.check import check_config
from fevgan_jax.training.loop import train

UNSEEN_HEAD = 30_000_000
"""A rendered person who is in no data set."""


def demo(config: ml_collections.ConfigDict, output: pathlib.Path) -> list[pathlib.Path]:
    """Prepares, trains, evaluates and generates.

    Args:
      config: the experiment; its data sets must be rendered ones.
      output: the folder for everything: `data/`, `workdir/` and `videos/`.

    Returns:
      The files to look at.
    """
    config.data.data_dir = str(output / "data")
    check_config(config)
    for dataset in dict.fromkeys((config.data.dataset, config.eval.dataset)):
        if dataset:
            prepare(dataset, config.data.data_dir)
    workdir = output / "workdir"
    train(config, workdir)
    print(table(evaluate(workdir)))
    made = [results.latest(workdir).sheet]
    for name, picture in {
        "rendered_head": render_subject(UNSEEN_HEAD, EXPRESSIONS[0])["video"][0],
        "photograph": skimage.data.astronaut(),
    }.items():
        photo = output / f"{name}.png"
        write_atomic(photo, media.png(picture))
        videos = generate(workdir, photo, EXPRESSIONS)
        made += [photo, *write_outputs(videos, output / "videos" / name)]
    return made


def _main() -> None:
    output = pathlib.Path(_OUTPUT.value)
    for path in demo(_CONFIG.value, output):
        print(path)
    print(f"tensorboard --logdir={output / 'workdir'}")


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment")
    _OUTPUT = flags.DEFINE_string("output", "runs/demo", "the folder for everything it makes")
    cli.run(_main)
