"""A few fixed test clips, real beside generated, for TensorBoard and the folder of samples."""

from typing import Any

import jax
import ml_collections
import numpy as np

from fevgan_jax.run import media
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.runtime import sharding
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.family import Family
from fevgan_jax.training.sampling import clip_keys, make_sample_step
from fevgan_jax.training.state import TrainState


class Samples:
    """Clips of the evaluation split, evenly spread over it; each has fixed noise."""

    def __init__(self, config: ml_collections.ConfigDict, family: Family, frozen: dict[str, Any]):
        """Reads the clips.

        Args:
          config: the experiment.
          family: its modules.
          frozen: parameters of the frozen nets, by name.
        """
        source = open_evaluated(config, config.eval.split)
        source.check_features(("video",))
        chosen = np.linspace(0, len(source) - 1, min(config.num_samples, len(source))).astype(int)
        clips = [source[int(index)] for index in chosen]
        self._names = [clip["clip"] for clip in clips]
        given = {*family.sampled_features, "video", "label"} & set(clips[0])
        self._batch = {name: np.stack([clip[name] for clip in clips]) for name in sorted(given)}
        self._real = family.windows(self._batch)["video"]
        self._keys = clip_keys(config.seed, [clip["clip"] for clip in clips])
        self._frozen = frozen
        self._sample = jax.jit(make_sample_step(family))

    def write(self, step: int, state: TrainState, summaries: Summaries) -> None:
        """Writes strips (real above generated) and GIFs (real left of generated)."""
        made = self._sample(state.sampler.variables, self._frozen, self._batch, self._keys)
        pairs = list(zip(self._names, self._real, sharding.to_host(made), strict=True))
        summaries.images(
            step,
            {
                f"strip/{name}": np.concatenate([media.strip(real), media.strip(fake)])
                for name, real, fake in pairs
            },
        )
        summaries.videos(
            step,
            {f"video/{name}": np.concatenate([real, fake], axis=2) for name, real, fake in pairs},
        )
