"""benchmarks/quality/ceiling.py: what photo and label tell of a clip."""

import pathlib

import numpy as np
import pytest

from fevgan_jax.evaluation import clip_metrics
from fevgan_jax.faces import units
from fevgan_jax.tfds_builders.synthetic_faces import clip, subject


@pytest.fixture
def ceiling(monkeypatch):
    folder = pathlib.Path(__file__).parents[2] / "benchmarks" / "quality"
    monkeypatch.syspath_prepend(str(folder))
    import ceiling

    return ceiling


@pytest.fixture
def drifting(ceiling, monkeypatch):
    """Measures clips of four frames at 32 pixels, whose heads drift by so many degrees."""

    def degrees(amount):
        def small(subject_id, expression, head_motion=amount, render=clip.render_subject):
            return render(subject_id, expression, 32, head_motion, chosen=(0, 10, 20, 31))

        with monkeypatch.context() as patched:
            patched.setattr(clip, "render_subject", small)
            return ceiling.measure(2)

    return degrees


def test_the_average_person_looks_like_the_person(ceiling):
    who, average = subject.make(7), ceiling.average(7)
    np.testing.assert_array_equal(average.vertices, who.vertices)
    assert set(average.strength) == {1.0}
    assert average.onset == units.ONSET != who.onset


def test_what_is_known_of_all_is_told_wholly(ceiling, drifting, monkeypatch):
    monkeypatch.setattr(clip, "person", ceiling.average)
    told = drifting(0.0)
    assert (told["clips"], told["people"]) == (12, 2)
    assert told["motion"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert told["psnr"]["mean"] == clip_metrics.PSNR_CAP


def test_how_far_a_person_goes_is_not_told(drifting):
    assert 0.8 < drifting(0.0)["motion"]["mean"] < 0.999


def test_the_further_a_head_drifts_the_less_is_told(drifting):
    little, much = drifting(0.5), drifting(3.0)
    assert little["motion"]["mean"] > much["motion"]["mean"]
    assert little["psnr"]["mean"] > much["psnr"]["mean"]
