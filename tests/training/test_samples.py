"""samples.py: one strip and one GIF of each clip."""

import numpy as np

from fevgan_jax.training import samples
from tests import experiments, tiny_clips, tiny_config


class _Source(list):
    class_names = tiny_clips.CLASSES


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
