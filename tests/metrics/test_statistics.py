"""metrics/statistics.py against closed forms, plain loops and simulated populations."""

import numpy as np
import pytest

from fevgan_jax.metrics import statistics

NAMES = ["a", "a", "b", "c", "c", "c"]
VALUES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0])


def test_the_mean_is_over_clips_and_counts_them():
    estimate = statistics.mean(VALUES, NAMES)
    assert estimate.mean == 4.0
    assert (estimate.clips, estimate.subjects) == (6, 3)
    assert estimate.low < 4.0 < estimate.high


def test_the_interval_of_two_subjects_is_its_closed_form():
    # Of the 4 equally likely draws one takes "a" twice, one "b" twice, two take both.
    estimate = statistics.mean([0.0, 3.0, 3.0], ["a", "b", "b"], level=0.4)
    assert (estimate.mean, estimate.low, estimate.high) == (2.0, 2.0, 2.0)
    estimate = statistics.mean([0.0, 3.0, 3.0], ["a", "b", "b"], level=0.6)
    assert (estimate.low, estimate.high) == (0.0, 3.0)


def test_resamples_equal_a_loop_over_drawn_subjects():
    weights = statistics.draws(3, 0, 50)
    by_subject = {name: VALUES[np.array(NAMES) == name] for name in "abc"}
    means = []
    for row in weights:
        drawn = np.repeat(list("abc"), row)
        means.append(np.concatenate([by_subject[name] for name in drawn]).mean())
    estimate = statistics.mean(VALUES, NAMES, resamples=50)
    np.testing.assert_allclose(
        (estimate.low, estimate.high), np.percentile(means, [2.5, 97.5]), rtol=1e-12
    )


def test_the_width_is_that_of_the_mean_of_subjects():
    random = np.random.default_rng(1)
    values = random.normal(0.0, 2.0, 400)
    estimate = statistics.mean(values, np.arange(400).astype(str))
    expected = 2 * 1.96 * values.std() / 400**0.5
    assert estimate.high - estimate.low == pytest.approx(expected, rel=0.05)


def test_clips_of_one_person_are_no_independent_evidence():
    random = np.random.default_rng(2)
    per_person = random.normal(0.0, 1.0, 30)
    values, names = np.repeat(per_person, 20), np.repeat(np.arange(30), 20).astype(str)
    width = {}
    for kind, who in (("subjects", names), ("clips", np.arange(600).astype(str))):
        estimate = statistics.mean(values, who)
        width[kind] = estimate.high - estimate.low
    assert width["subjects"] / width["clips"] == pytest.approx(20**0.5, rel=0.1)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(3)
    names = np.repeat(np.arange(40), 3).astype(str)
    held = 0
    for _ in range(300):
        values = np.repeat(random.normal(5.0, 1.0, 40), 3) + random.normal(0.0, 1.0, 120)
        estimate = statistics.mean(values, names, resamples=500)
        held += estimate.low <= 5.0 <= estimate.high
    assert 0.90 <= held / 300 <= 0.98


def test_what_is_undefined_is_left_out_and_not_counted():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    estimate = statistics.mean(values, ["a", "a", "b", "c"])
    assert (estimate.mean, estimate.clips, estimate.subjects) == (2.0, 2, 2)
    nothing = statistics.mean([np.nan], ["a"])
    assert np.isnan(nothing.mean)
    assert (nothing.clips, nothing.subjects) == (0, 0)


def test_one_subject_has_no_interval():
    estimate = statistics.mean([1.0, 2.0], ["a", "a"])
    assert estimate.mean == 1.5
    assert np.isnan([estimate.low, estimate.high]).all()


def test_the_seed_decides():
    assert statistics.mean(VALUES, NAMES, resamples=20) == statistics.mean(
        VALUES, NAMES, resamples=20
    )
    many = np.random.default_rng(0).normal(size=50)
    names = np.arange(50).astype(str)
    ends = {statistics.mean(many, names, seed=seed, resamples=99).low for seed in range(3)}
    assert len(ends) == 3


def test_decibels_are_pooled_in_every_resample():
    errors = np.array([0.1, 0.001, 0.004])
    estimate = statistics.mean(-10 * np.log10(errors), ["a", "b", "b"], scale=statistics.DECIBEL)
    assert estimate.mean == pytest.approx(-10 * np.log10(errors.mean()))
    assert estimate.low == pytest.approx(10.0)
    assert estimate.high == pytest.approx(-10 * np.log10(0.0025))


def test_pairing_takes_out_what_both_systems_share():
    random = np.random.default_rng(4)
    person = np.repeat(random.normal(0.0, 10.0, 50), 2)
    names = np.repeat(np.arange(50), 2).astype(str)
    first = person + 0.5 + random.normal(0.0, 0.1, 100)
    difference = statistics.paired_difference(first, person, names)
    assert 0.4 < difference.low < difference.mean < difference.high < 0.6
    alone = statistics.mean(first, names)
    assert alone.high - alone.low > 20 * (difference.high - difference.low)
    turned = statistics.paired_difference(person, first, names)
    assert turned.mean == pytest.approx(-difference.mean)
    same = statistics.paired_difference(first, first, names)
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_gain_is_the_difference_of_the_distances_from_the_best_value():
    random = np.random.default_rng(5)
    names = np.arange(50).astype(str)
    first, second = (mean + random.normal(0.0, 0.1, 50) for mean in (1.2, 0.7))
    both = {
        best: statistics.paired_gain(first, second, names, best=best) for best in (1.0, 0.0, 9.0)
    }
    expected = abs(second.mean() - 1.0) - abs(first.mean() - 1.0)
    assert both[1.0].mean == pytest.approx(expected)
    assert both[1.0].low < expected < both[1.0].high
    difference = statistics.paired_difference(first, second, names)
    assert (both[9.0].low, both[9.0].high) == pytest.approx((difference.low, difference.high))
    assert (both[0.0].low, both[0.0].high) == pytest.approx((-difference.high, -difference.low))


def test_a_pair_needs_both_of_its_values():
    difference = statistics.paired_difference(
        [1.0, np.nan, 5.0], [0.0, 0.0, np.nan], ["a", "b", "c"]
    )
    assert (difference.mean, difference.clips, difference.subjects) == (1.0, 1, 1)


def test_a_paired_difference_of_pooled_decibels_is_the_difference_of_the_pooled():
    first, second = np.array([0.1, 0.001]), np.array([0.01, 0.01])
    difference = statistics.paired_difference(
        -10 * np.log10(first), -10 * np.log10(second), ["a", "b"], scale=statistics.DECIBEL
    )
    assert difference.mean == pytest.approx(10 * np.log10(second.mean() / first.mean()))
