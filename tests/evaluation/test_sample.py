import numpy as np
import pytest

from fevgan_jax.evaluation.sample import balanced

SUBJECTS = np.repeat([f"p{n}" for n in range(10)], 6)
LABELS = np.tile(np.arange(6), 10)


@pytest.mark.parametrize("count", [1, 6, 10, 25, 60])
def test_expressions_are_as_equal_as_can_be_and_then_subjects(count):
    chosen = balanced(LABELS, SUBJECTS, count, seed=0)
    assert len(set(chosen)) == len(chosen) == count
    assert (np.diff(chosen) > 0).all()
    for counts in (
        np.bincount(LABELS[chosen], minlength=6),
        np.unique(np.append(SUBJECTS[chosen], SUBJECTS[::6]), return_counts=True)[1],
    ):
        assert np.ptp(counts) <= 1


def test_the_first_clips_of_a_split_are_no_sample():
    in_order_of_labels = np.sort(LABELS)
    chosen = balanced(in_order_of_labels, SUBJECTS, 6, seed=0)
    assert sorted(in_order_of_labels[chosen]) == list(range(6))


def test_a_rare_expression_gives_what_it_has():
    labels = np.array([0] * 20 + [1, 1])
    chosen = balanced(labels, [f"p{n}" for n in range(22)], 10, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [8, 2]


def test_the_seed_decides_alone():
    first, again, other = (balanced(LABELS, SUBJECTS, 12, seed).tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_no_more_than_there_are():
    assert balanced(LABELS, SUBJECTS, 100, seed=0).tolist() == list(range(60))
    assert balanced([], [], 5, seed=0).tolist() == []
