"""VGAN (Vondrick et al. 2016): a moving foreground over a still background, 32 frames from noise.

The discriminator has one logit and the published one two; the loss is the same.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import label_alone, noise
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm

STDDEV = 0.01  # of kernels; BatchNorm's scales are drawn from N(1, 0.02)
SLOPE = 0.2
GIVEN = ()
EPSILON = 1e-3  # of the discriminator's BatchNorm


class Generator(nn.Module):
    """A video from noise.

    Attributes:
      features: widths of both streams before their heads.
      code: length of the noise.
    """

    features: tuple[int, ...] = (512, 256, 128, 64)
    code: int = 100

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `key` `[B]`.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `video` `[B, 32, 64, 64, 3]` in [-1, 1] and `mask` `[B, 32, 64, 64, 1]` in [0, 1], the
          share of the foreground.
        """
        code = noise(condition["key"], (self.code,))
        return TwoStreams(self.features, name="streams")(code, train=train)


class TwoStreams(nn.Module):
    """The two decoders and their blend by the mask.

    Attributes:
      features: widths of both streams before their heads.
    """

    features: tuple[int, ...] = (512, 256, 128, 64)

    @nn.compact
    def __call__(self, code: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """Decodes `[B, D]` to the outputs of `Generator`."""
        moving = self._decode(code[:, None, None, None], (2, 4, 4), "foreground", train)
        still = self._decode(code[:, None, None], (4, 4), "background", train)
        foreground = nn.tanh(_double(3, 3, "foreground_rgb")(moving))
        mask = nn.sigmoid(_double(1, 3, "mask")(moving))
        background = nn.tanh(_double(3, 2, "background_rgb")(still))[:, None]
        return {"video": mask * foreground + (1.0 - mask) * background, "mask": mask}

    def _decode(self, x: jax.Array, kernel: tuple[int, ...], name: str, train: bool) -> jax.Array:
        first, *rest = self.features
        x = ConvTranspose(first, kernel, stddev=STDDEV, name=f"{name}_0")(x)
        x = nn.relu(batch_norm(train=train, name=f"{name}_norm_0")(x))
        for i, features in enumerate(rest, start=1):
            x = _double(features, len(kernel), f"{name}_{i}")(x)
            x = nn.relu(batch_norm(train=train, name=f"{name}_norm_{i}")(x))
        return x


class Discriminator(nn.Module):
    """Five 3D convolutions to one logit.

    Attributes:
      features: widths of the first four layers.
      num_classes: number of expressions; 0 leaves the label out. Otherwise its maps are
        concatenated after the first layer.
    """

    features: tuple[int, ...] = (64, 128, 256, 512)
    num_classes: int = 0

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video `[B, 32, 64, 64, 3]`: `real_fake` `[B]`, positive is real."""
        label = None
        if self.num_classes:
            label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=video.dtype)
        first, *rest = self.features
        x = nn.leaky_relu(_halve(first, "layer_0")(video), SLOPE)
        for i, features in enumerate(rest, start=1):
            x = _halve(features, f"layer_{i}")(x, tiled=label if i == 1 else None)
            x = batch_norm(train=train, epsilon=EPSILON, name=f"norm_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
        logit = Conv(1, (2, 4, 4), stddev=STDDEV, name="logit")(x)
        return {"real_fake": logit.reshape(len(logit)).astype(jnp.float32)}


condition = label_alone


def mask(context) -> jax.Array:
    """The mean of the foreground mask, which is kept small (Vondrick et al. 2016)."""
    return jnp.abs(context.outputs["mask"]).mean()


GENERATOR_LOSSES = {"mask": mask}


def _double(features: int, sides: int, name: str) -> ConvTranspose:
    settings = ((4,) * sides, (2,) * sides, (1,) * sides)
    return ConvTranspose(features, *settings, stddev=STDDEV, name=name)


def _halve(features: int, name: str) -> Conv:
    return Conv(features, (4, 4, 4), (2, 2, 2), (1, 1, 1), stddev=STDDEV, name=name)
