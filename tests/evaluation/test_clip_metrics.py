import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.evaluation import clip_metrics
from fevgan_jax.evaluation.clip_metrics import CLIP_METRICS, ClipMetric, measure
from fevgan_jax.metrics import identity, image


def test_a_value_a_frame_becomes_the_mean_of_the_frames_that_have_one():
    table = {
        "frame": ClipMetric(lambda mask: mask, ("mask",), "", 1.0),
        "clip": ClipMetric(lambda real: real, ("real",), "", 1.0),
    }
    frames = jnp.array([[1.0, jnp.nan, 3.0], [jnp.nan] * 3])
    values, left_out = measure(table, {"mask": frames, "real": jnp.array([7.0, 8.0])})
    np.testing.assert_array_equal(values["frame"], [2.0, np.nan])
    np.testing.assert_array_equal(values["clip"], [7.0, 8.0])
    assert {name: count.tolist() for name, count in left_out.items()} == {"frame": [1, 3]}


@pytest.mark.parametrize("name", ["psnr_face", "ssim_face"])
def test_a_frame_with_an_empty_mask_does_not_take_its_clip_along(name):
    random = np.random.default_rng(0)
    real = random.random((2, 4, 24, 24, 3)).astype(np.float32)
    fake = np.clip(real + 0.1 * random.standard_normal(real.shape), 0, 1).astype(np.float32)
    mask = np.full((2, 4, 24, 24, 1), 255, np.uint8)
    mask[0, 1] = 0
    seen = {"real": real, "fake": fake, "mask": mask}
    values, left_out = measure({name: CLIP_METRICS[name]}, seen)
    assert left_out[name].tolist() == [1, 0]
    function = {"psnr_face": image.psnr, "ssim_face": image.ssim}[name]
    expected = function(real[0, [0, 2, 3]], fake[0, [0, 2, 3]]).mean()
    assert float(values[name][0]) == pytest.approx(float(expected), rel=1e-5)


def test_every_variant_of_acd_is_in_the_table_under_a_name_that_says_which():
    random = np.random.default_rng(0)
    embeddings, photo = random.normal(size=(2, 5, 3)), random.normal(size=(2, 3))
    names = {name for name in CLIP_METRICS if name.startswith("acd")}
    assert len(names) == 6
    values, _ = measure(
        {name: CLIP_METRICS[name] for name in names}, {"embeddings": embeddings, "photo": photo}
    )
    for distance, squared in (("l2", False), ("squared_l2", True)):
        expected = identity.acd_i(embeddings, photo, squared)
        np.testing.assert_allclose(values[f"acd_i_{distance}"], expected)
        for pairs in ("consecutive", "all"):
            expected = identity.acd(embeddings, pairs, squared)
            np.testing.assert_allclose(values[f"acd_{pairs}_{distance}"], expected)


def test_identity_is_measured_from_the_photo_not_from_the_first_generated_frame():
    photo = jnp.array([[1.0, 0.0]])
    video = jnp.array([[[0.0, 1.0], [0.0, 1.0]]])
    table = {name: CLIP_METRICS[name] for name in ("acd_consecutive_l2", "acd_i_l2")}
    values, _ = measure(table, {"embeddings": video, "photo": photo})
    assert float(values["acd_consecutive_l2"][0]) == 0.0
    assert float(values["acd_i_l2"][0]) == pytest.approx(2**0.5)


def test_equal_pictures_reach_the_cap():
    real = jnp.zeros((1, 2, 12, 12, 3))
    for name in ("psnr", "psnr_pooled"):
        values, _ = measure({name: CLIP_METRICS[name]}, {"real": real, "fake": real})
        assert float(values[name][0]) == clip_metrics.PSNR_CAP
