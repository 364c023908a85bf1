import types

import numpy as np
import pytest

from fevgan_jax.evaluation import recognition
from fevgan_jax.training.family import build_family
from tests import tiny_clips, tiny_config


class Source:
    """Clips whose frames are numbered."""

    def __len__(self):
        return 3

    def read(self, index, features):
        assert set(features) == {"video", "label"}
        frames = np.arange(tiny_clips.FRAMES, dtype=np.uint8)[:, None, None, None]
        return {"video": np.tile(frames, (1, 64, 64, 3)), "label": np.int32(index)}


@pytest.mark.parametrize(("window", "last"), [(0, tiny_clips.FRAMES - 1), (3, 2)])
def test_the_classifier_learns_from_the_frames_that_are_generated(monkeypatch, window, last):
    config = tiny_config.get_config()
    config.data.window, config.eval.classifier_steps, config.eval.seed = window, 5, 3
    monkeypatch.setattr(recognition, "open_evaluated", lambda config, split: Source())
    given = types.SimpleNamespace()

    def train(videos, labels, **settings):
        given.videos, given.labels, given.settings = videos, labels, settings
        return "a reader"

    monkeypatch.setattr(recognition.expression, "train", train)
    assert recognition.train_classifier(config, build_family(config)) == "a reader"
    assert given.videos.shape == (3, 2, 64, 64, 3)
    assert given.videos[:, 0].max() == 0
    assert (given.videos[:, 1] == last).all()
    assert given.labels.tolist() == [0, 1, 2]
    assert given.settings == {"num_classes": 2, "seed": 3, "steps": 5}
