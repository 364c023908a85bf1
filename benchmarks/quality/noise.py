"""How far is noise from faces, by the Fréchet distance on face features?

    python benchmarks/quality/noise.py --config=tables:small/g3an

Draws every pixel of a clip at random, in place of the clips that an evaluation of this config
compares, and prints the distance with its interval over subjects as JSON: what a generator that has
learnt nothing has.
"""

import dataclasses
import functools
import json

import jax
import ml_collections
import numpy as np

from fevgan_jax import recognizers
from fevgan_jax.evaluation import sample
from fevgan_jax.evaluation.measure import embed_frames
from fevgan_jax.evaluation.set_metrics import SET_METRICS
from fevgan_jax.metrics import statistics
from fevgan_jax.runtime import cli, config_flag
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.family import build_family


def measure(config: ml_collections.ConfigDict) -> dict:
    """All that this module's docstring says."""
    settings, family = config.eval, build_family(config)
    source = open_evaluated(config, settings.split)
    subjects = [subject for subject, _ in source.names]
    chosen = sample.balanced(source.labels, subjects, settings.max_clips, settings.seed)
    frozen, _ = recognizers.load([settings.embedder], None)
    embed = jax.jit(functools.partial(embed_frames, settings.embedder))
    draw = np.random.default_rng(settings.seed)
    real, noise = [], []
    for number in chosen:
        clip = source.read(int(number), ("video",))["video"][None]
        video = np.asarray(family.windows({"video": clip})["video"])
        real.append(embed(frozen, video))
        noise.append(embed(frozen, draw.integers(0, 256, video.shape, np.uint8)))
    people = [subjects[number] for number in chosen]
    distance = SET_METRICS["frechet_face"].make(np.concatenate(real), np.concatenate(noise), people)
    found = statistics.of_set(distance, people, seed=settings.seed)
    return {"frechet_face": dataclasses.asdict(found), "data": source.version}


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "whose evaluation it is")
    cli.run(lambda: print(json.dumps(measure(_CONFIG.value), indent=1)))
