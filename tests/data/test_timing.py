"""data/timing.py: properties that hold for any clip."""

import numpy as np
import pytest

from fevgan_jax.data import timing

LENGTHS = [1, 2, 3, 31, 32, 33, 178]


def a_clip(length, seed=0):
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (length, 5, 4, 3), np.uint8)
    landmarks = np.cumsum(random.normal(0, 1, (length, 68, 2)), axis=0).astype(np.float32)
    return frames, landmarks


def a_movement(progress):
    """Landmarks `[T, 68, 2]` that move straight from one face to another."""
    random = np.random.default_rng(1)
    start, way = random.normal(30, 9, (68, 2)), random.normal(0, 3, (68, 2))
    return (start + np.reshape(progress, (-1, 1, 1)) * way).astype(np.float32)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("by", ["time", "arc_length"])
def test_any_length_becomes_the_asked_one_and_keeps_its_ends(length, by):
    frames, landmarks = a_clip(length)
    for wanted in (1, 2, 32, 40):
        got = timing.resample(frames, landmarks, wanted, by)
        assert got.shape == (wanted, 5, 4, 3)
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got[0], frames[0])
        if wanted > 1:
            np.testing.assert_array_equal(got[-1], frames[-1])


@pytest.mark.parametrize("length", LENGTHS)
def test_positions_do_not_decrease(length):
    _, landmarks = a_clip(length)
    for places in (timing.by_time(length), timing.by_arc_length(landmarks)):
        assert (np.diff(places) >= 0).all()
        assert places[0] == 0
        assert places[-1] == length - 1


def test_uniform_time_is_idempotent():
    frames, _ = a_clip(32)
    np.testing.assert_array_equal(timing.resample(frames), frames)
    once = timing.resample(a_clip(75)[0])
    np.testing.assert_array_equal(timing.resample(once), once)


def test_frames_between_are_interpolated():
    values = np.array([[0.0], [10.0], [20.0]])
    np.testing.assert_allclose(
        timing.sample(values, np.array([0.25, 1.5, 2.0]))[:, 0], [2.5, 15, 20]
    )
    whole = timing.sample(np.array([[0], [255]], np.uint8), np.array([0.499, 0.501]))
    np.testing.assert_array_equal(whole[:, 0], [127, 128])


def test_equal_arc_length_undoes_any_pace():
    pace = np.linspace(0, 1, 70) ** 2
    landmarks = a_movement(pace)
    moved = timing.resample(landmarks, landmarks, by="arc_length")
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=(1, 2))
    assert steps.std() < 0.05 * steps.mean()
    plain = np.linalg.norm(np.diff(timing.resample(landmarks), axis=0), axis=(1, 2))
    assert plain.std() > 0.4 * plain.mean()


def test_a_pause_at_either_end_takes_no_frames():
    pace = np.concatenate([np.zeros(20), np.linspace(0, 1, 30), np.ones(20)])
    places = timing.by_arc_length(a_movement(pace), smoothing=0)
    assert (places[[0, -1]] == [0, 69]).all()
    assert (places[1:-1] > 18).all()
    assert (places[1:-1] < 51).all()


def test_jitter_of_a_face_at_rest_is_not_movement():
    random = np.random.default_rng(2)
    pace = np.concatenate([np.zeros(35), np.linspace(0, 1, 35)])
    landmarks = a_movement(pace) + random.normal(0, 0.1, (70, 68, 2))
    smoothed, raw = (
        (timing.by_arc_length(landmarks, smoothing=each) < 34).mean() for each in (2.0, 0.0)
    )
    assert smoothed < 0.25 < 0.4 < raw


def test_a_face_that_never_moves_is_spread_over_time():
    still = np.repeat(a_movement([0.0]), 50, axis=0)
    np.testing.assert_array_equal(timing.by_arc_length(still), timing.by_time(50))


def test_smoothing_keeps_the_ends_and_a_steady_motion():
    steady = a_movement(np.linspace(0, 1, 40)).reshape(40, -1)
    np.testing.assert_allclose(timing._smooth(steady, 2.0), steady, atol=1e-4)
    _, landmarks = a_clip(9)
    np.testing.assert_allclose(
        timing._smooth(landmarks, 2.0)[[0, -1]], landmarks.reshape(9, -1)[[0, -1]], atol=1e-4
    )


def test_the_apex_is_the_frame_farthest_from_neutral():
    there_and_back = np.concatenate([np.linspace(0, 1, 41), np.linspace(1, 0, 30)[1:]])
    assert abs(timing.apex(a_movement(there_and_back)) - 40) <= 1
    assert timing.apex(a_movement([0.0])) == 0
    spike = a_movement(np.r_[np.linspace(0, 1, 30), 1.0, 1.0]).copy()
    assert timing.apex(spike, smoothing=0) == 29


def test_the_first_half_ends_in_the_middle():
    assert [timing.first_half(n) for n in (1, 2, 3, 10, 71, 178)] == [1, 2, 2, 5, 36, 89]


def test_bad_arguments_are_refused():
    frames, _ = a_clip(4)
    with pytest.raises(ValueError, match="arc_length"):
        timing.resample(frames, by="arc_length")
    with pytest.raises(ValueError, match="sideways"):
        timing.resample(frames, by="sideways")
