import pytest

from fevgan_jax.runtime.disk import full_disk_is_bad_input
from fevgan_jax.runtime.errors import UserError


def test_a_full_disk_is_recognised_in_any_words():
    with (
        pytest.raises(UserError, match="the disk of some/run is full"),
        full_disk_is_bad_input("some/run"),
    ):
        raise RuntimeError("RESOURCE_EXHAUSTED: write failed: No space left on device [some/file]")


def test_a_full_disk_is_recognised_behind_another_error():
    with pytest.raises(UserError), full_disk_is_bad_input("some/run"):
        try:
            raise ValueError("No space left on device")
        except ValueError as error:
            raise RuntimeError("a background thread failed") from error


def test_other_errors_are_left_alone():
    with pytest.raises(ValueError, match="shape"), full_disk_is_bad_input("some/run"):
        raise ValueError("shape")
