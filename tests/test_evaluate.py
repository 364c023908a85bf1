"""`evaluate` from a workdir to its files, on an untrained run."""

import json
import math

import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.data import prepared
from fevgan_jax.evaluation import clip_metrics, results, set_metrics
from fevgan_jax.evaluation import measure as measure_module
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.evaluation.report import table
from fevgan_jax.metrics import frechet
from fevgan_jax.run import files
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.runtime.errors import UserError
from tests import experiments, tiny_clips, tiny_config

VARIANTS = {"acd_consecutive_l2", "acd_consecutive_squared_l2", "acd_all_l2", "acd_all_squared_l2"}
VARIANTS |= {"acd_i_l2", "acd_i_squared_l2"}


def few_clips(tiny_data):
    config = experiments.without_frozen_nets()
    config.data.dataset = "synthetic_faces/tiny"
    config.data.data_dir = str(tiny_data)
    config.eval.max_clips = 5
    config.eval.batch_size = 8
    return config


@pytest.fixture(scope="module")
def workdir(tiny_data, tmp_path_factory):
    config = few_clips(tiny_data)
    config.eval.embedder = {"name": "vgg16", "features": "pool1"}
    config.eval.metrics = (*config.eval.metrics, "frechet_face")
    config.eval.classifier_steps = 2
    workdir = tmp_path_factory.mktemp("run")
    experiments.untrained_run(config, workdir)
    return workdir


@pytest.fixture(scope="module")
def summary(workdir):
    return evaluate(workdir)


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A run of the tests' own family on their set of uniform pictures, and its config."""
    folder = tmp_path_factory.mktemp("tiny")
    config = tiny_config.get_config()
    config.data.data_dir = str(tiny_clips.prepare(folder / "data"))
    return folder / "run", config


def evaluated(tiny_run, split=None, **settings):
    workdir, config = tiny_run
    config = config.copy_and_resolve_references()
    config.eval.update(settings)
    if not workdir.exists():
        workdir.mkdir()
        experiments.untrained_run(config, workdir)
    (workdir / "config.json").write_text(config.to_json_best_effort())
    return evaluate(workdir, split)


def mean(summary, row, metric, group="overall"):
    return summary["rows"][row][group][metric]["mean"]


def test_a_still_picture_has_no_motion_and_the_real_clip_all_of_it(summary):
    assert mean(summary, "copy-input", "motion") == pytest.approx(0.0, abs=1e-6)
    assert mean(summary, "copy-input", "acd") == pytest.approx(0.0, abs=1e-5)
    assert mean(summary, "copy-input", "acd_i") == pytest.approx(0.0, abs=1e-5)
    assert mean(summary, "real", "motion") == 1.0
    assert mean(summary, "real", "ssim") == pytest.approx(1.0)
    assert mean(summary, "real", "psnr") == 60.0
    assert mean(summary, "real", "psnr_pooled") == pytest.approx(60.0)  # infinite, but for the cap
    assert mean(summary, "copy-input", "psnr") < 60.0
    assert mean(summary, "real", "acd") > 0
    assert mean(summary, "real", "frechet_face") == pytest.approx(0.0, abs=1e-6)
    assert mean(summary, "model", "frechet_face") > mean(summary, "copy-input", "frechet_face") > 0


def test_every_row_carries_every_metric_for_every_expression(summary):
    names = {"psnr", "psnr_face", "psnr_pooled", "ssim", "ssim_face"}
    names |= {"motion", "acd", "acd_i", "recognised"} | VARIANTS
    for row in summary["rows"].values():
        assert set(row["overall"]) == names | {"frechet_face"}
        for group, metrics in row.items():
            assert group == "overall" or set(metrics) == names
            counts = summary["groups"][group]
            for estimate in metrics.values():
                assert {k: estimate[k] for k in ("clips", "subjects")} == counts
                assert estimate["low"] is None or estimate["low"] <= estimate["mean"] + 1e-9
    assert set(summary["groups"]) == set(summary["rows"]["model"])


def test_a_sample_counts_its_own_clips_and_subjects(summary):
    assert summary["clips"] == summary["groups"]["overall"]["clips"] == 5
    assert summary["subjects"] == summary["groups"]["overall"]["subjects"] == 2
    by_expression = [
        group["clips"] for name, group in summary["groups"].items() if name != "overall"
    ]
    assert by_expression == [1] * 5
    assert summary["protocol"]["clips"].startswith("a sample of 5")


def test_overall_is_the_mean_over_clips_not_over_expressions(summary):
    groups = summary["rows"]["model"]
    values = [groups[name]["psnr"]["mean"] for name in groups if name != "overall"]
    assert mean(summary, "model", "psnr") == pytest.approx(np.mean(values))
    assert mean(summary, "model", "psnr_pooled") < mean(summary, "model", "psnr")


def test_a_headline_is_the_variant_that_its_protocol_names(summary):
    assert mean(summary, "model", "acd") == mean(summary, "model", "acd_consecutive_l2")
    assert summary["protocol"]["acd"].startswith("acd_consecutive_l2: L2 distance of consecutive")
    assert mean(summary, "model", "acd_all_l2") != mean(summary, "model", "acd_consecutive_l2")
    assert mean(summary, "model", "acd_i_l2") == mean(summary, "model", "acd_i")


def test_the_files_hold_the_summary_and_one_line_a_clip(workdir, summary):
    result = results.latest(workdir, "synthetic_faces/tiny", "test")
    assert json.loads(result.path.read_text()) == summary
    expected = f"synthetic_faces_tiny_test_0_{summary['protocol_hash']}"
    assert result.path.stem == expected
    assert sorted(path.name for path in result.path.parent.iterdir()) == [
        f"{expected}.{kind}" for kind in ("csv", "json", "png")
    ]
    for row, groups in summary["rows"].items():
        clips = result.clips(row)
        assert len(set(zip(clips["subject"], clips["clip"], strict=True))) == 5
        for name in ("ssim", "acd_all_squared_l2", "recognised"):
            assert clips[name].mean() == pytest.approx(groups["overall"][name]["mean"], rel=1e-6)
        for number, expression in enumerate(clips["expression"]):
            value = groups[expression]["motion"]["mean"]
            assert clips["motion"][number] == pytest.approx(value, rel=1e-6)


def test_the_table_names_its_embedder_n_and_interval(summary):
    text = table(summary)
    assert "5 clips of 2 subjects" in text
    assert "identity by vgg16 pool1" in text
    assert "copy-input" in text
    assert "95 % of 2000 resamples" in text
    assert [line.split()[0] for line in text.splitlines()[1:6]] == [
        "model", "low", "high", "copy-input", "real",
    ]  # fmt: skip
    assert "acd_all_l2" not in text  # the config did not name it


def test_no_embedder_is_needed_where_identity_is_not_asked_for(tiny_run, monkeypatch):
    asked = []
    monkeypatch.setattr(
        recognizers, "load", lambda names, weights_dir: asked.extend(names) or ({}, {})
    )
    assert set(evaluated(tiny_run, metrics=("psnr",))["rows"]["model"]["overall"]) == {"psnr"}
    assert not asked


def test_splits_and_protocols_have_files_of_their_own(tiny_run):
    workdir, _ = tiny_run
    test = evaluated(tiny_run, metrics=("ssim",))
    train = evaluated(tiny_run, "train", metrics=("ssim",))
    few = evaluated(tiny_run, metrics=("ssim",), max_clips=4)
    assert test["protocol_hash"] == train["protocol_hash"] != few["protocol_hash"]
    for summary in (test, train, few):
        found = results.latest(
            workdir, "tiny_clips/demo", summary["split"], summary["protocol_hash"]
        )
        assert found.summary == summary
    assert evaluated(tiny_run, metrics=("ssim",), batch_size=8) == test


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"metrics": ("psnr", "sim")}, "config.eval.metrics is 'sim': did you mean 'ssim'?"),
        ({"identity_distance": "sqared_l2"}, "is 'sqared_l2': did you mean 'squared_l2'?"),
        ({"identity_pairs": "some"}, "is 'some': it is one of all, consecutive."),
        ({"metrics": ("recognised",)}, "--config.eval.classifier_steps=400"),
    ],
)
def test_a_name_that_is_not_known_is_refused_before_anything_is_written(
    tiny_run, settings, sentence
):
    workdir, _ = tiny_run
    before = sorted(workdir.rglob("*"))
    with pytest.raises(UserError) as error:
        evaluated(tiny_run, **settings)
    assert sentence in str(error.value)
    assert sorted(workdir.rglob("*")) == before


def test_a_metric_that_is_not_defined_for_a_clip_is_counted(tiny_run):
    # The clips of this set stand still, so that none of them has a share of their motion.
    summary = evaluated(tiny_run, metrics=("ssim", "motion"))
    overall = summary["rows"]["model"]["overall"]
    assert overall["motion"] == {
        "mean": None, "low": None, "high": None, "clips": 0, "subjects": 0,
    }  # fmt: skip
    assert overall["ssim"]["clips"] == summary["clips"] == 10
    assert "clips" in table(summary).splitlines()[4]
    clips = results.latest(tiny_run[0], protocol=summary["protocol_hash"]).clips()
    assert np.isnan(clips["motion"]).all()


def test_a_frame_with_an_empty_mask_is_left_out_and_counted(tiny_run, monkeypatch):
    whole = evaluated(tiny_run, metrics=("psnr_face", "psnr"))
    original = measure_module._compare

    def with_an_empty_mask(metrics, seen):
        mask = seen["mask"].at[0, 1:3].set(0)
        return original(metrics, seen | {"mask": mask})

    monkeypatch.setattr(measure_module, "_compare", with_an_empty_mask)
    summary = evaluated(tiny_run, metrics=("psnr_face", "psnr"), batch_size=16)
    assert whole["frames_left_out"] == {"psnr_face": {"frames": 0, "clips": 0}}
    assert summary["frames_left_out"] == {"psnr_face": {"frames": 2, "clips": 1}}
    assert summary["rows"]["model"]["overall"]["psnr_face"]["clips"] == 10
    assert math.isfinite(mean(summary, "model", "psnr_face"))
    assert "empty mask, left out of the masked metrics: 2" in table(summary)
    clips = results.latest(tiny_run[0], protocol=summary["protocol_hash"]).clips("real")
    assert clips["psnr_face_frames_left_out"].tolist() == [2] + [0] * 9


def test_an_evaluation_that_is_killed_leaves_no_summary(tiny_run, monkeypatch):
    workdir, _ = tiny_run
    before = set((workdir / "eval").glob("*")) if (workdir / "eval").exists() else set()

    def killed(old, new):
        if str(new).endswith(".png"):
            raise KeyboardInterrupt
        return original(old, new)

    original = files.os.replace
    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluated(tiny_run, metrics=("ssim", "psnr_pooled"))
    (left,) = set((workdir / "eval").glob("*")) - before
    assert left.suffix == ".csv"
    monkeypatch.undo()
    summary = evaluated(tiny_run, metrics=("ssim", "psnr_pooled"))
    assert results.latest(workdir, protocol=summary["protocol_hash"]).path.stem == left.stem


def test_means_and_the_ends_of_their_intervals_go_to_tensorboard(tiny_run, monkeypatch):
    written = {}
    monkeypatch.setattr(
        Summaries, "evaluation", lambda self, step, values: written.update({step: values})
    )
    summary = evaluated(tiny_run, metrics=("ssim", "motion"))
    ssim = summary["rows"]["model"]["overall"]["ssim"]
    scalars = written[summary["step"]]
    assert scalars["eval/tiny_clips_demo_test/model/ssim"] == ssim["mean"]
    interval = "eval_interval/tiny_clips_demo_test/model/ssim"
    assert scalars[f"{interval}/low"] == ssim["low"] < ssim["high"] == scalars[f"{interval}/high"]
    assert not any(
        "motion" in tag for tag in scalars
    )  # it is not defined for clips that stand still


@pytest.mark.parametrize(
    ("window", "frames", "words"),
    [(0, (), "all 4 of"), (4, (), "the first 4 of"), (0, (0, 1, 2, 3), "0, 1, 2, 3 of")],
)
def test_the_protocol_says_which_frames_are_compared(tiny_run, window, frames, words):
    workdir, config = tiny_run
    config = config.copy_and_resolve_references()
    config.data.window, config.data.frames = window, frames
    assert evaluated((workdir, config))["protocol"]["frames"] == f"{words} each clip"


def test_a_metric_may_need_a_net_of_its_own(tiny_run):
    summary = evaluated(tiny_run, metrics=("lpips", "jitter"))
    assert mean(summary, "real", "lpips") == pytest.approx(0.0, abs=1e-6)
    assert mean(summary, "copy-input", "lpips") == pytest.approx(0.0, abs=1e-6)  # clips stand still
    assert mean(summary, "model", "lpips") > 0.01
    assert summary["rows"]["model"]["overall"]["jitter"]["clips"] == 0
    assert "sha256 2ecbe4ce01168921" in summary["protocol"]["lpips"]


def test_a_metric_of_the_set_may_need_a_net_that_sees_whole_clips(tiny_data, tmp_path, monkeypatch):
    """With mean colours of the first and the last half in place of I3D's logits."""

    def colours(params, video):
        halves = video.astype(np.float32).reshape(len(video), 2, -1, 3)
        return params * halves.mean(2).reshape(len(video), 6)

    scale = np.float32(2.0)
    monkeypatch.setitem(clip_metrics.NETS, "i3d", lambda weights_dir: (scale, "5" * 64))
    monkeypatch.setitem(set_metrics.FEATURES, "i3d", colours)
    config = few_clips(tiny_data)
    config.eval.max_clips = 0
    config.eval.classifier_steps = 0
    config.eval.metrics = ("fvd",)
    experiments.untrained_run(config, tmp_path)
    summary = evaluate(tmp_path)
    source = prepared.open_source(str(tiny_data), "synthetic_faces/tiny", "test")
    real = np.stack([source[index]["video"] for index in range(len(source))])
    still = np.broadcast_to(real[:, :1], real.shape)
    sides = [colours(scale, side) for side in (still, real)]
    expected = frechet.distance(*((side.mean(0), np.cov(side.T)) for side in sides))
    assert mean(summary, "copy-input", "fvd") == pytest.approx(expected, rel=1e-3)
    assert mean(summary, "real", "fvd") == pytest.approx(0.0, abs=expected / 1e3)
    assert mean(summary, "model", "fvd") > expected
    assert summary["rows"]["model"]["overall"]["fvd"]["clips"] == len(source)
    assert f"of {len(source)} clips" in summary["protocol"]["fvd"]
    assert "sha256 5555555555555555" in summary["protocol"]["fvd"]


def test_clips_too_short_for_a_metric_are_refused_before_its_net_is_read(tiny_run, monkeypatch):
    monkeypatch.setitem(clip_metrics.NETS, "i3d", lambda weights_dir: pytest.fail("it was read"))
    with pytest.raises(UserError, match="'fvd', which needs clips of 16 frames, and those of tiny"):
        evaluated(tiny_run, metrics=("fvd",))
