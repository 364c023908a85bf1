"""metrics/expression.py on drawn faces whose mouths smile, frown or open."""

import numpy as np
import pytest

from fevgan_jax.metrics import expression

FROWN, SMILE, OPEN = range(3)


def draw(count, seed, frames=3, side=64):
    """Clips uint8 `[count, frames, side, side, 3]` of different people, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows, columns = np.mgrid[:side, :side] / (side - 1)
    videos = np.zeros((count, frames, side, side, 3), np.uint8)
    for video, label in zip(videos, labels, strict=True):
        skin = random.uniform(0.3, 0.9, 3)
        x, y = 0.5 + random.uniform(-0.05, 0.05, 2)
        width, strength = random.uniform(0.1, 0.16), random.uniform(0.7, 1)
        across = (columns - x) / width
        face = (columns - x) ** 2 / 0.16 + (rows - y) ** 2 / 0.2 < 1
        for time, frame in zip(np.linspace(0, strength, frames), video, strict=True):
            bend = {FROWN: -0.1, SMILE: 0.1, OPEN: 0}[label] * time * (across**2 - 1)
            height = 0.02 + 0.06 * time * (label == OPEN)
            mouth = (abs(across) < 1) & (abs(rows - y - 0.2 - bend) < height)
            colour = np.where(mouth, 0.2, face)[..., None] * skin
            frame[:] = np.round(255 * colour)
    return videos, labels


@pytest.fixture(scope="module")
def read():
    return expression.train(*draw(150, seed=0), num_classes=3, steps=40)


def test_it_reads_expressions_of_people_it_never_saw(read):
    videos, labels = draw(30, seed=1)
    assert (read(videos) == labels).mean() > 0.95


def test_a_clip_alone_gives_the_same_as_in_a_batch(read):
    videos, _ = draw(30, seed=1)
    np.testing.assert_array_equal(
        np.concatenate([read(video[None]) for video in videos[:4]]), read(videos)[:4]
    )


@pytest.mark.parametrize(("frames", "side"), [(2, 128), (5, 48), (32, 96)])
def test_other_sizes_and_lengths(read, frames, side):
    videos, labels = draw(30, seed=1, frames=frames, side=side)
    assert (read(videos) == labels).mean() > 0.9


def test_it_can_be_trained_at_every_size():
    videos, labels = draw(150, seed=0, side=32)
    read = expression.train(videos, labels, num_classes=3, steps=40)
    videos, labels = draw(30, seed=1, side=32)
    assert (read(videos) == labels).mean() > 0.9


def test_the_ends_of_a_clip_of_any_shape_are_what_counts():
    videos, labels = draw(4, seed=0)
    ends = expression.ends(videos)
    assert ends.shape == (4, 2, 64, 64, 3)
    np.testing.assert_array_equal(ends, videos[:, [0, -1]])
    oblong = expression.ends(videos[:, :, :, :40].repeat(2, axis=2))
    assert oblong.shape == (4, 2, 64, 64, 3)
    assert oblong.dtype == np.uint8
    white = expression.ends(np.full((1, 3, 50, 70, 3), 255, np.uint8))
    np.testing.assert_array_equal(white, 255)
    trained = [
        expression.train(given, labels, num_classes=3, steps=2)(videos) for given in (videos, ends)
    ]
    np.testing.assert_array_equal(*trained)


def test_a_still_picture_is_read_by_chance(read):
    videos, labels = draw(30, seed=1)
    still = np.repeat(videos[:, :1], 3, axis=1)
    assert (read(still) == labels).mean() < 0.6


def test_the_same_seed_gives_the_same_classifier():
    videos, labels = draw(60, seed=0)
    unlike, _ = draw(30, seed=2)
    first, second, other = (
        expression.train(videos, labels, num_classes=3, seed=seed, steps=3)(unlike)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
