"""benchmarks/quality/noise.py: noise has the distance of the Gaussians it is drawn from."""

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.quality import noise
from fevgan_jax.configs import tables
from fevgan_jax.training.datasets import open_evaluated


def _colours(_, __, video):
    """Mean colours in place of a face net's features, `[B, T, 3]`."""
    return jnp.asarray(video, jnp.float32).mean((2, 3)) / 255.0


def test_noise_lies_as_far_as_its_mean_and_the_faces_spread(tiny_data, monkeypatch):
    monkeypatch.setattr(noise, "embed_frames", _colours)
    monkeypatch.setattr(noise.recognizers, "load", lambda *_: ({}, {}))
    config = tables.get_config("small/fevgan")
    config.data.data_dir, config.eval.dataset = str(tiny_data), "synthetic_faces/tiny"
    config.eval.max_clips = 12
    found = noise.measure(config)
    source = open_evaluated(config, "test")
    clips = len(source)
    assert clips == 12  # all of them are taken
    frames = np.concatenate([source.read(i, ("video",))["video"] for i in range(clips)])
    faces = np.asarray(_colours(None, None, frames[None])[0])
    # Noise of 64 x 64 pixels has a mean of 0.5 with next to no spread.
    expected = np.square(faces.mean(0) - 0.5).sum() + np.trace(np.cov(faces.T))
    assert found["frechet_face"]["mean"] == pytest.approx(expected, rel=0.05)
    assert found["frechet_face"]["clips"] == clips
