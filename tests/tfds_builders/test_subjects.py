import pytest

from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import subjects

PEOPLE = [f"s{i:03d}" for i in range(50)]


def test_each_person_is_in_exactly_one_split():
    train, test = subjects.split(PEOPLE)
    assert len(test) == 10
    assert sorted(train + test) == PEOPLE


def test_the_order_and_repetitions_do_not_matter():
    assert subjects.split(PEOPLE) == subjects.split(PEOPLE[::-1] + PEOPLE)


def test_a_seed_gives_its_own_split():
    assert subjects.split(PEOPLE, seed=1) == subjects.split(PEOPLE, seed=1)
    assert subjects.split(PEOPLE, seed=1) != subjects.split(PEOPLE, seed=2)


def test_two_people_are_one_each():
    assert [len(side) for side in subjects.split(["a", "b"])] == [1, 1]


@pytest.mark.parametrize(("people", "share"), [(["a"], 0.2), (PEOPLE, 0.0), (PEOPLE, 1.0)])
def test_what_cannot_be_split_is_refused(people, share):
    with pytest.raises(UserError, match="cannot be split"):
        subjects.split(people, share)
