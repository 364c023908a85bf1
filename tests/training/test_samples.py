"""samples.py: one strip and one GIF of each clip."""

import numpy as np
import pytest

from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import samples
from tests import experiments, tiny_clips, tiny_config


class _Source(list):
    class_names = tiny_clips.CLASSES

    def check_features(self, features):
        if missing := set(features) - set(self[0]):
            raise UserError(f"no {missing}")


class _Summaries:
    def images(self, step, pictures):
        self.strips = pictures

    def videos(self, step, clips):
        self.clips = clips


def test_clips_of_one_subject_and_expression_do_not_replace_each_other(monkeypatch):
    config = tiny_config.get_config()
    config.num_samples = 3
    names = [f"person0/anger/take{number}" for number in range(3)]
    shape = (tiny_clips.FRAMES, tiny_clips.SIZE, tiny_clips.SIZE, 3)
    clips = [
        {
            "video": np.full(shape, number, np.uint8),
            "label": np.int32(0),
            "subject": "person0",
            "clip": name,
        }
        for number, name in enumerate(names)
    ]
    monkeypatch.setattr(samples, "open_evaluated", lambda *_: _Source(clips))
    family, state = experiments.start(config)
    summaries = _Summaries()
    samples.Samples(config, family, {}).write(1, state, summaries)
    assert list(summaries.strips) == [f"strip/{name}" for name in names]
    assert list(summaries.clips) == [f"video/{name}" for name in names]


def test_a_set_without_clips_is_refused(monkeypatch):
    pairs = _Source([{"photo": np.zeros((64, 64, 3), np.uint8), "clip": "s1_0"}])
    monkeypatch.setattr(samples, "open_evaluated", lambda *_: pairs)
    config = tiny_config.get_config()
    with pytest.raises(UserError, match="video"):
        samples.Samples(config, experiments.start(config)[0], {})
