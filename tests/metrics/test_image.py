"""metrics/image.py against scikit-image and closed forms."""

import jax
import numpy as np
import pytest
from skimage import metrics as skimage_metrics

from fevgan_jax.metrics import image as metrics


@pytest.fixture(scope="module")
def pair():
    """Two clips `[2, 3, 24, 31, 3]` of smooth pictures, the second the first with noise."""
    rng = np.random.default_rng(0)
    coarse = rng.random((2, 3, 6, 8, 3)).repeat(4, axis=2).repeat(4, axis=3)
    real = coarse[:, :, :, :31]
    fake = np.clip(0.8 * real + 0.1 + 0.05 * rng.standard_normal(real.shape), 0, 1)
    return real.astype(np.float32), fake.astype(np.float32)


def half_mask(shape):
    mask = np.zeros((*shape[:-1], 1), np.uint8)
    mask[..., : shape[-2] // 2, :] = 255
    return mask


def reference_ssim(real, fake, **options):
    return skimage_metrics.structural_similarity(
        real, fake, gaussian_weights=True, use_sample_covariance=False, data_range=1,
        channel_axis=-1, **options,
    )  # fmt: skip


def each(function, real, fake):
    lead = real.shape[:-3]
    flat = zip(real.reshape(-1, *real.shape[-3:]), fake.reshape(-1, *real.shape[-3:]), strict=True)
    return np.array([function(*pictures) for pictures in flat]).reshape(lead)


def test_psnr_equals_scikit_image(pair):
    expected = each(lambda r, f: skimage_metrics.peak_signal_noise_ratio(r, f, data_range=1), *pair)
    np.testing.assert_allclose(jax.jit(metrics.psnr)(*pair), expected, rtol=1e-5)


def test_ssim_equals_scikit_image(pair):
    expected = each(reference_ssim, *pair)
    assert expected.min() < 0.95
    np.testing.assert_allclose(jax.jit(metrics.ssim)(*pair), expected, atol=1e-5)


def test_ssim_of_pictures_that_are_nearly_black_equals_scikit_image(pair):
    real, fake = (picture * 0.02 for picture in pair)
    np.testing.assert_allclose(
        metrics.ssim(real, fake), each(reference_ssim, real, fake), atol=1e-5
    )


def test_masked_ssim_averages_scikit_images_map(pair):
    def masked(real, fake):
        _, similarity = reference_ssim(real, fake, full=True)
        inside = np.zeros(real.shape[:2], bool)
        inside[5:-5, 5 : real.shape[1] // 2] = True
        return similarity[inside].mean()

    got = jax.jit(metrics.ssim)(*pair, half_mask(pair[0].shape))
    np.testing.assert_allclose(got, each(masked, *pair), atol=1e-5)


def test_masked_psnr_counts_masked_pixels_only(pair):
    real, fake = pair
    half = real.shape[-2] // 2
    damaged = fake.copy()
    damaged[..., half:, :] = 0
    got = metrics.psnr(real, damaged, half_mask(real.shape))
    np.testing.assert_allclose(
        got, metrics.psnr(real[..., :half, :], fake[..., :half, :]), rtol=1e-5
    )


def test_a_full_mask_of_any_scale_changes_nothing(pair):
    for full in (np.ones, lambda shape: np.full(shape, 255, np.uint8)):
        mask = full((*pair[0].shape[:-1], 1))
        for metric in (metrics.psnr, metrics.psnr_pooled, metrics.ssim):
            np.testing.assert_allclose(metric(*pair, mask), metric(*pair), rtol=1e-5)


def test_an_empty_mask_gives_nan(pair):
    empty = np.zeros((*pair[0].shape[:-1], 1), np.uint8)
    for metric in (metrics.psnr, metrics.psnr_pooled, metrics.ssim):
        assert np.isnan(metric(*pair, empty)).all()


def test_identical_pictures(pair):
    real, _ = pair
    assert np.isposinf(metrics.psnr(real, real)).all()
    np.testing.assert_allclose(metrics.ssim(real, real), 1, atol=1e-6)


def test_psnr_of_a_constant_error_is_its_closed_form():
    real = np.full((2, 11, 11, 3), 0.5, np.float32)
    fake = real + np.array([0.1, 0.01], np.float32)[:, None, None, None]
    np.testing.assert_allclose(metrics.psnr(real, fake), [20, 40], rtol=1e-4)
    pooled = -10 * np.log10((0.1**2 + 0.01**2) / 2)
    np.testing.assert_allclose(metrics.psnr_pooled(real, fake), pooled, rtol=1e-4)


def test_ssim_of_flat_pictures_is_its_closed_form():
    real, fake = np.full((11, 11, 3), 0.5, np.float32), np.full((11, 11, 3), 0.25, np.float32)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    np.testing.assert_allclose(metrics.ssim(real, fake), expected, rtol=1e-5)


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="11x11"):
        metrics.ssim(np.zeros((10, 64, 3)), np.zeros((10, 64, 3)))


def test_motion():
    rng = np.random.default_rng(0)
    first = rng.random((2, 1, 8, 8, 3)).astype(np.float32)
    path = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None, None]
    real = first + path * rng.standard_normal((2, 1, 8, 8, 3)).astype(np.float32)
    still = np.broadcast_to(first, real.shape)
    other_face = 0.3
    motion = jax.jit(metrics.motion)
    np.testing.assert_allclose(motion(real, real), 1)
    np.testing.assert_allclose(motion(real, real + other_face), 1, atol=1e-5)
    np.testing.assert_allclose(motion(real, still), 0, atol=1e-6)
    half = still + 0.5 * (real - still)
    np.testing.assert_allclose(motion(real, half), 0.75, atol=1e-5)
    assert (motion(real, still - (real - still)) < -1).all()
    assert np.isnan(motion(still, real)).all()


def test_jitter():
    rng = np.random.default_rng(0)
    path = np.array([0, 0.1, 0.4, 0.5, 0.9, 1.0], np.float32)[:, None, None, None]
    first = rng.random((2, 1, 8, 8, 3)).astype(np.float32)
    real = first + path * rng.standard_normal((2, 1, 8, 8, 3)).astype(np.float32)
    jitter = jax.jit(metrics.jitter)
    np.testing.assert_allclose(jitter(real, real), 1, rtol=1e-6)
    steady = first + np.linspace(0, 1, 6, dtype=np.float32)[:, None, None, None]
    np.testing.assert_allclose(jitter(real, steady), 0, atol=1e-6)
    np.testing.assert_allclose(jitter(real, 2 * real), 4, rtol=1e-5)
    # Independent noise of variance v in every frame has second differences of variance 6 v.
    noise = 0.3 * rng.standard_normal(real.shape).astype(np.float32)
    expected = 6 * 0.3**2 * (4 * 8 * 8 * 3) / np.square(np.diff(real, 2, axis=1)).sum((1, 2, 3, 4))
    np.testing.assert_allclose(jitter(real, steady + noise), expected, rtol=0.15)
    assert np.isnan(jitter(steady[:, :2], real[:, :2])).all()
