"""benchmarks/quality/ceiling.py: what photo and label tell of a clip."""

import pytest

from benchmarks.quality import ceiling
from fevgan_jax.tfds_builders.synthetic_faces import clip


@pytest.fixture
def drifting(monkeypatch):
    """Clips of four frames at 32 pixels, whose heads drift by so many degrees."""

    def degrees(amount):
        monkeypatch.setattr(clip, "HEAD_MOTION", amount)
        return ceiling.measure(2)

    def small(subject_id, expression, head_motion, render=clip.render_subject):
        return render(subject_id, expression, 32, head_motion, chosen=(0, 10, 20, 31))

    monkeypatch.setattr(clip, "render_subject", small)
    return degrees


def test_a_head_that_does_not_drift_is_told_wholly(drifting):
    told = drifting(0.0)
    assert (told["clips"], told["people"]) == (12, 2)
    assert told["motion"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert told["psnr"]["mean"] == ceiling.MOST_DECIBEL


def test_the_further_a_head_drifts_the_less_is_told(drifting):
    little, much = drifting(0.5), drifting(3.0)
    assert 1.0 > little["motion"]["mean"] > much["motion"]["mean"]
    assert ceiling.MOST_DECIBEL > little["psnr"]["mean"] > much["psnr"]["mean"]
