import json

import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import base
from fevgan_jax.evaluate import _embed, _identity, evaluate, table
from tests import experiments


def few_clips(tiny_data):
    config = experiments.without_frozen_nets()
    config.data.dataset = "synthetic_faces/tiny"
    config.data.data_dir = str(tiny_data)
    config.eval.max_clips = 5
    config.eval.batch_size = 8
    return config


@pytest.fixture(scope="module")
def result(tiny_data, tmp_path_factory):
    config = few_clips(tiny_data)
    config.eval.embedder = {"name": "vgg16", "features": "pool1"}
    config.eval.classifier_steps = 2
    workdir = tmp_path_factory.mktemp("run")
    experiments.untrained_run(config, workdir)
    result = evaluate(workdir)
    assert json.loads((workdir / "eval" / "synthetic_faces_tiny.json").read_text()) == result
    assert (workdir / "eval" / "synthetic_faces_tiny.png").stat().st_size > 0
    return result


def test_a_still_picture_has_no_motion_and_the_real_clip_all_of_it(result):
    rows = result["rows"]
    assert rows["copy-input"]["overall"]["motion"] == pytest.approx(0.0, abs=1e-6)
    assert rows["copy-input"]["overall"]["acd"] == pytest.approx(0.0, abs=1e-5)
    assert rows["copy-input"]["overall"]["acd_i"] == pytest.approx(0.0, abs=1e-5)
    assert rows["real"]["overall"]["motion"] == 1.0
    assert rows["real"]["overall"]["ssim"] == pytest.approx(1.0)
    assert rows["real"]["overall"]["psnr"] == 60.0
    assert rows["real"]["overall"]["psnr_pooled"] == 60.0  # infinite, but for the cap
    assert rows["copy-input"]["overall"]["psnr"] < 60.0
    assert rows["real"]["overall"]["acd"] > 0


def test_every_row_carries_every_metric_for_every_expression(result):
    names = {"psnr", "psnr_face", "psnr_pooled", "ssim", "ssim_face"}
    names |= {"motion", "acd", "acd_i", "recognised"}
    for row in result["rows"].values():
        assert "overall" in row
        for group in row.values():
            assert set(group) == names
    assert result["clips"] == 5


def test_overall_is_the_mean_over_clips_not_over_expressions(result):
    rows = result["rows"]["model"]
    values = [rows[name]["psnr"] for name in rows if name != "overall"]
    assert min(values) <= rows["overall"]["psnr"] <= max(values)
    assert rows["overall"]["psnr_pooled"] <= rows["overall"]["psnr"] + 1e-6
    assert np.isfinite(rows["overall"]["psnr"])


def test_the_table_names_its_embedder_and_n(result):
    text = table(result)
    assert "5 clips" in text
    assert "vgg16" in text
    assert "copy-input" in text


def test_identity_is_measured_from_the_photo_not_from_the_first_generated_frame():
    settings = base.get_config().eval
    photo = jnp.array([[1.0, 0.0]])
    video = jnp.array([[[0.0, 1.0], [0.0, 1.0]]])
    values = _identity(settings, video, photo)
    assert float(values["acd"][0]) == 0.0
    assert float(values["acd_i"][0]) == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("features", "expected"), [(jnp.full((6, 4), 3.0), 3.0), (jnp.full((6, 2, 2, 4), 3.0), 0.5)]
)
def test_an_embedding_is_taken_as_it_is_and_maps_at_unit_length(monkeypatch, features, expected):
    monkeypatch.setattr(recognizers, "encode", lambda *_: features)
    embeddings = _embed(base.get_config().eval, {}, jnp.zeros((2, 3, 8, 8, 3), jnp.uint8))
    np.testing.assert_allclose(embeddings, np.full((2, 3, 4), expected))


def test_no_embedder_is_needed_where_identity_is_not_asked_for(tiny_data, tmp_path, monkeypatch):
    config = few_clips(tiny_data)
    config.eval.metrics, config.eval.classifier_steps = ("psnr",), 0
    experiments.untrained_run(config, tmp_path)
    asked = []
    monkeypatch.setattr(
        recognizers, "load", lambda names, weights_dir: asked.extend(names) or ({}, {})
    )
    assert set(evaluate(tmp_path)["rows"]["model"]["overall"]) == {"psnr"}
    assert not asked
