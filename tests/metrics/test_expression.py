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


def test_other_sizes_and_lengths(read):
    videos, labels = draw(30, seed=1, frames=2, side=128)
    assert (read(videos) == labels).mean() > 0.9


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
