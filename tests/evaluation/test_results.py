import json
import os

import pytest

from fevgan_jax.evaluation import results
from fevgan_jax.runtime.errors import UserError


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "eval").mkdir()
    stored = [  # the oldest file first
        ("late", "a/b", "test", 20, "11111111"),
        ("early", "a/b", "test", 10, "11111111"),
        ("train", "a/b", "train", 10, "11111111"),
        ("other", "c", "test", 5, "11111111"),
        ("protocol", "a/b", "test", 10, "22222222"),
    ]
    for age, (name, dataset, split, step, digest) in enumerate(stored):
        path = tmp_path / "eval" / f"{name}.json"
        told = {"dataset": dataset, "split": split, "step": step, "protocol_hash": digest}
        path.write_text(json.dumps(told))
        os.utime(path, (age, age))
    (tmp_path / "eval" / "a_b.json").write_text(json.dumps({"dataset": "a/b", "step": 30}))
    return tmp_path


def found(*asked):
    return [result.path.stem for result in results.find(*asked)]


def test_evaluations_are_found_by_what_they_hold(workdir):
    assert found(workdir) == ["other", "early", "train", "protocol", "late"]
    assert found(workdir, "a/b", "test") == ["early", "protocol", "late"]
    assert found(workdir, None, None, "22222222") == ["protocol"]
    assert found(workdir, "c") == ["other"]
    assert results.latest(workdir, "a/b", "test").path.stem == "late"


def test_what_is_not_there_is_named_with_the_command_that_makes_it(workdir, tmp_path):
    with pytest.raises(
        UserError,
        match=r"no evaluation of set a/b, split valid: run `python -m fevgan_jax.evaluate "
        rf"--workdir={workdir} --split=valid`",
    ):
        results.latest(workdir, "a/b", "valid")
    with pytest.raises(UserError, match="has no evaluation: run"):
        results.latest(tmp_path / "nowhere")


def test_a_broken_summary_is_named_with_its_mend(workdir):
    (workdir / "eval" / "late.json").write_text('{"dataset": "a/')
    with pytest.raises(UserError, match=r"late\.json is broken .*: remove it, and evaluate again"):
        results.find(workdir)


def test_clips_that_are_missing_are_named_with_their_mend(workdir):
    with pytest.raises(UserError, match=r"late\.csv, the clips of late\.json, is missing: put it"):
        results.latest(workdir).clips()
