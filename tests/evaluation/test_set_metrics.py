import numpy as np
import pytest

from fevgan_jax.evaluation.set_metrics import SET_METRICS
from fevgan_jax.metrics import frechet, statistics


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    real = random.normal(size=(30, 4, 3))
    return real, real + random.normal(0.5, 0.3, size=(30, 4, 3))


SUBJECTS = np.repeat(np.arange(10), 3).astype(str)


def test_a_weight_is_a_number_of_copies(features):
    real, fake = features
    weights = np.arange(10) % 4
    copies = np.repeat(np.arange(30), weights[SUBJECTS.astype(int)])
    make = SET_METRICS["frechet_face"].make
    expected = make(real[copies], fake[copies], ["all"] * len(copies))(np.ones(1))
    assert make(real, fake, SUBJECTS)(weights) == pytest.approx(expected)


def test_every_frame_is_a_sample(features):
    expected = frechet.distance(
        *((part.reshape(-1, 3).mean(0), np.cov(part.reshape(-1, 3).T)) for part in features)
    )
    statistic = SET_METRICS["frechet_face"].make(*features, SUBJECTS)
    assert statistic(np.ones(10)) == pytest.approx(expected)


def test_one_clip_has_no_distance_between_sets(features):
    real, fake = (part[:1, 0] for part in features)
    assert np.isnan(SET_METRICS["fvd"].make(real, fake, ["one"])(np.ones(1)))


def test_its_interval_holds_the_estimate_and_narrows_with_more_people(features):
    real, fake = features

    def estimate(times):
        names = np.concatenate([np.char.add(SUBJECTS, f"/{n}") for n in range(times)])
        parts = [np.tile(part, (times, 1, 1)) for part in (real, fake)]
        return statistics.of_set(SET_METRICS["frechet_face"].make(*parts, names), names)

    few, many = estimate(1), estimate(4)
    assert (few.clips, few.subjects, many.subjects) == (30, 10, 40)
    assert few.low < few.mean < few.high
    assert many.high - many.low == pytest.approx((few.high - few.low) / 2, rel=0.3)
