"""Similarity of a generated video to the real one, picture by picture.

Pure functions that can be jitted. Pictures are `[..., H, W, C]` in [0, 1]. A mask is
`[..., H, W, 1]` and weights the pixels: bool, {0, 1} and {0, 255} mean the same.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

# The window of Wang et al. 2004, taken for the paper's SSIM: 11 taps, sigma 1.5, range 1.
_RADIUS = 5
_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2


def _mean_square(difference: jax.Array, mask: jax.Array | None, axis) -> jax.Array:
    square = jnp.square(difference)
    if mask is None:
        return square.mean(axis)
    weight = jnp.broadcast_to(mask.astype(square.dtype), square.shape)
    return (weight * square).sum(axis) / weight.sum(axis)


def psnr(real: jax.Array, fake: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Peak signal-to-noise ratio of each picture, in dB (the headline variant).

    Args:
      real: `[..., H, W, C]` in [0, 1].
      fake: the same shape and range.
      mask: `[..., H, W, 1]`; with it the error is averaged over the masked pixels only.

    Returns:
      `[...]`; inf for identical pictures (as scikit-image gives), NaN where the mask is empty.
    """
    return -10 * jnp.log10(_mean_square(fake - real, mask, axis=(-3, -2, -1)))


def psnr_pooled(real: jax.Array, fake: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """PSNR of one error pooled over everything given, in dB (ImaGINator's variant).

    At most the mean of `psnr`, because the negative logarithm is convex; the two variants must
    not be mixed in a table.

    Args:
      real: `[..., H, W, C]` in [0, 1].
      fake: the same shape and range.
      mask: `[..., H, W, 1]`; with it only masked pixels count.

    Returns:
      A scalar; inf for identical pictures, NaN where the mask is empty.
    """
    return -10 * jnp.log10(_mean_square(fake - real, mask, axis=None))


@functools.lru_cache
def _window(length: int) -> np.ndarray:
    """The Gaussian window as a banded matrix `[length - 10, length]`: one row per position."""
    if length <= 2 * _RADIUS:
        raise ValueError(f"SSIM needs pictures of 11x11 pixels or more, got a side of {length}.")
    taps = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    taps /= taps.sum()
    rows = np.arange(length - 2 * _RADIUS)[:, None]
    band = np.zeros((length - 2 * _RADIUS, length), np.float32)
    band[rows, rows + np.arange(2 * _RADIUS + 1)] = taps
    return band


def _blur(image: jax.Array) -> jax.Array:
    # Two matrix products: two 11-tap convolutions took XLA 15 times as long on a CPU.
    # Full precision, because variances are small differences of large numbers.
    height, width = image.shape[-3:-1]
    return jnp.einsum(
        "ih,...hwc,jw->...ijc", _window(height), image, _window(width), precision="highest"
    )


def ssim(real: jax.Array, fake: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Structural similarity of each picture, mean over positions and channels.

    11x11 Gaussian window, sigma 1.5, K 0.01 and 0.03, range 1, over the positions where the whole
    window fits: scikit-image's `gaussian_weights=True, use_sample_covariance=False`.

    Args:
      real: `[..., H, W, C]` in [0, 1], H and W at least 11.
      fake: the same shape and range.
      mask: `[..., H, W, 1]`; with it the similarity map is averaged over the masked pixels only.

    Returns:
      `[...]` in [-1, 1]; NaN where no masked pixel lies 5 pixels or more from the border.

    Raises:
      ValueError: A side is shorter than the window.
    """
    mean_real, mean_fake = _blur(real), _blur(fake)
    # Only the sum of the two variances is needed: one blur fewer.
    square_means = jnp.square(mean_real) + jnp.square(mean_fake)
    variances = _blur(jnp.square(real) + jnp.square(fake)) - square_means
    covariance = _blur(real * fake) - mean_real * mean_fake
    similarity = (2 * mean_real * mean_fake + _C1) * (2 * covariance + _C2)
    similarity /= (square_means + _C1) * (variances + _C2)
    if mask is None:
        return similarity.mean((-3, -2, -1))
    inner = slice(_RADIUS, -_RADIUS)
    weight = mask[..., inner, inner, 0].astype(similarity.dtype)
    return (weight * similarity.mean(-1)).sum((-2, -1)) / weight.sum((-2, -1))


def jitter(real: jax.Array, fake: jax.Array) -> jax.Array:
    """How unsteady the generated clip is in time, as a multiple of the real one.

    The ratio of the mean squared second differences in time, which a steady motion does not have
    (choice: no such column in the paper).

    Args:
      real: `[B, T, H, W, C]` in [0, 1] (any one scale will do).
      fake: the same shape and scale.

    Returns:
      `[B]`, 0 or more: 1 for the real clip, 0 for a still picture, above 1 for one that flickers;
      NaN where the real clip has no second difference, as with fewer than three frames.
    """
    energy_real, energy_fake = (
        jnp.square(video[:, 2:] - 2 * video[:, 1:-1] + video[:, :-2]).sum((1, 2, 3, 4))
        for video in (real, fake)
    )
    ratio = energy_fake / jnp.where(energy_real > 0, energy_real, 1)
    return jnp.where(energy_real > 0, ratio, jnp.nan)


def motion(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Share of the real clip's motion that the generated clip reproduces.

    `1 - sum((fake - fake_0) - (real - real_0))^2 / sum(real - real_0)^2` over a clip's pixels and
    frames. PSNR and SSIM are high for a still picture; this is 0 (choice: not in the paper).

    Args:
      real: `[B, T, H, W, C]` in [0, 1] (or any other scale that both share).
      fake: the same shape and scale.

    Returns:
      `[B]`: 1 for the real clip, 0 for a still picture, below 0 for motion worse than none, NaN
      where the real clip itself is still.
    """
    real_motion = real - real[:, :1]
    error = fake - fake[:, :1] - real_motion
    axes = (1, 2, 3, 4)
    energy = jnp.square(real_motion).sum(axes)
    share = 1 - jnp.square(error).sum(axes) / jnp.where(energy > 0, energy, 1)
    return jnp.where(energy > 0, share, jnp.nan)
