"""The expression classifier of an evaluation, trained on the real clips of the train split."""

from collections.abc import Callable

import ml_collections
import numpy as np

from fevgan_jax.metrics import expression
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.family import Family


def train_classifier(
    config: ml_collections.ConfigDict, family: Family
) -> Callable[[np.ndarray], np.ndarray]:
    """Trains a classifier on what the model is compared with: the same frames of a clip.

    Args:
      config: a run's config; `eval.classifier_steps` and `eval.seed` are the classifier's.
      family: cuts clips to the frames that it generates.

    Returns:
      A function from clips `[B, T, H, W, 3]` uint8 to the labels it reads in them, `[B]` int.

    Raises:
      UserError: the set has no train split, or is another one than the run's.
    """
    source = open_evaluated(config, "train")
    ends, labels = [], []
    for index in range(len(source)):
        clip = source.read(index, ("video", "label"))
        video = family.windows({"video": clip["video"][None]})["video"]
        ends.append(expression.ends(np.asarray(video)))
        labels.append(clip["label"])
    return expression.train(
        np.concatenate(ends),
        np.array(labels),
        num_classes=len(config.data.class_names),
        seed=config.eval.seed,
        steps=config.eval.classifier_steps,
    )
