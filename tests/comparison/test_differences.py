import numpy as np

from fevgan_jax.comparison import differences
from fevgan_jax.metrics import statistics
from tests.comparison.evaluated import row_of


def test_a_difference_is_marked_by_its_interval_and_its_direction(tmp_path):
    random = np.random.default_rng(0)
    people = random.normal(25, 5, 40)
    reference = row_of(tmp_path, "reference", people)
    better = row_of(tmp_path, "better", people + 1 + random.normal(0, 0.5, 40))
    worse = row_of(tmp_path, "worse", people - 1 + random.normal(0, 0.5, 40))
    equal = row_of(tmp_path, "equal", people + random.normal(0, 0.5, 40) - 0.02)
    marks = [differences.of_row(row, reference)["psnr"].mark for row in (better, worse, equal)]
    assert marks == ["▲", "▼", ""]
    assert differences.of_row(reference, reference) == {}


def test_a_mark_is_of_the_distance_from_a_best_value_between_the_two(tmp_path):
    people = np.random.default_rng(0).normal(0.0, 0.05, 40)
    reference = row_of(tmp_path, "reference", 0.8 + people, metrics=("jitter",))
    marks = {}
    for mean in (1.19, 1.1, 1.4):
        row = row_of(tmp_path, str(mean), mean + people[::-1], metrics=("jitter",))
        marks[mean] = differences.of_row(row, reference)["jitter"].mark
    assert marks == {1.19: "", 1.1: "▲", 1.4: "▼"}


def test_systems_that_make_other_clips_are_not_paired(tmp_path):
    people = np.linspace(20, 30, 10)
    reference = row_of(tmp_path, "reference", people)
    assert differences.of_row(row_of(tmp_path, "half", people + 1, frames="16"), reference) == {}
    assert differences.of_row(row_of(tmp_path, "noise", people + 1, "vgan"), reference) == {}


def test_a_mark_needs_an_interval():
    alone = statistics.Estimate(1.0, float("nan"), float("nan"), 1, 1)
    assert differences.Difference(alone, alone).mark == ""


def test_metrics_added_to_the_config_after_the_evaluation_are_left_out(tmp_path):
    reference, row = (row_of(tmp_path, title, [1.0, 2.0, 3.0]) for title in "ab")
    row.config.eval.metrics = ("psnr", "ssim")
    assert list(differences.of_row(row, reference)) == ["psnr"]
