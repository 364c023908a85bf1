import numpy as np
import pytest

from fevgan_jax.configs import base
from fevgan_jax.evaluation import protocol, report
from fevgan_jax.evaluation.measure import ROWS, Measured
from fevgan_jax.evaluation.report import table
from fevgan_jax.evaluation.summary import summarise


def measured(values, labels, subjects):
    return Measured(
        names=[(subject, f"{subject}/{n}") for n, subject in enumerate(subjects)],
        labels=np.array(labels),
        values={key: {name: np.array(value) for name, value in values.items()} for key in ROWS},
        left_out={"psnr": np.array([0, 3, 1, 0])},
        features={},
        sheet=np.zeros((1, 1, 3), np.uint8),
        frames=2,
    )


@pytest.fixture
def summary():
    settings = base.get_config().eval
    settings.metrics = ("psnr", "psnr_pooled", "motion")
    found = measured(
        {
            "psnr": [20.0, 40, 30, 30],
            "psnr_pooled": [20.0, 40, 30, 30],
            "motion": [1, np.nan, 0, 0],
        },
        [0, 0, 2, 2],
        "abcc",
    )
    return summarise(found, protocol.asked(settings), ("anger", "fear", "joy"), seed=0)


def test_a_group_is_all_clips_or_an_expression_that_occurs(summary):
    assert summary["groups"] == {
        "overall": {"clips": 4, "subjects": 3},
        "anger": {"clips": 2, "subjects": 2},
        "joy": {"clips": 2, "subjects": 1},
    }
    for groups in summary["rows"].values():
        assert set(groups) == set(summary["groups"])


def test_means_are_on_each_metrics_scale(summary):
    anger = summary["rows"]["model"]["anger"]
    assert anger["psnr"]["mean"] == 30.0
    assert anger["psnr_pooled"]["mean"] == pytest.approx(-10 * np.log10((1e-2 + 1e-4) / 2))
    assert (anger["psnr"]["low"], anger["psnr"]["high"]) == (20.0, 40.0)


def test_each_metric_counts_its_own_clips_and_subjects(summary):
    overall = summary["rows"]["model"]["overall"]
    assert (overall["motion"]["clips"], overall["motion"]["subjects"]) == (3, 2)
    assert overall["motion"]["mean"] == pytest.approx(1 / 3)
    assert summary["rows"]["model"]["joy"]["psnr"]["low"] is None  # one subject has no spread
    assert summary["frames_left_out"] == {"psnr": {"frames": 4, "clips": 2}}


def test_the_table_shows_the_counts_where_they_differ(summary):
    told = {"metrics": ["psnr", "motion"], "clips": 4, "subjects": 3, "split": "test", "step": 7}
    told |= {"dataset": "some/set", "protocol": {"interval": "95 %"}}
    lines = table(summary | told).splitlines()
    assert lines[0].split() == ["psnr", "motion"]
    assert lines[4].split() == ["clips", "4", "3"]
    assert lines[-2].startswith("4 clips of 3 subjects of the test split of some/set, step 7")
    assert lines[-1].endswith(": 4")


def test_a_zero_has_no_sign():
    assert report._cell(-1e-5) == "0.000"
