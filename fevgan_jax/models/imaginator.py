"""ImaGINator (Wang et al. 2020): a photo, a label and noise, by transposed (1+2)D convolutions."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import noise
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm
from fevgan_jax.models.mocogan import random_frames

SLOPE = 0.2


class Generator(nn.Module):
    """A U-Net from a picture to a video: the encoder's maps join the decoder's at every time step.

    Attributes:
      num_classes: number of expressions.
      encoder_features: widths of the encoder.
      code: length of the photo's code.
      noise: length of the noise.
      middle_features: widths between the temporal and the spatial half of each block.
      decoder_features: widths of the blocks.
    """

    num_classes: int = 6
    encoder_features: tuple[int, ...] = (64, 128, 256, 512)
    code: int = 100
    noise: int = 512
    middle_features: tuple[int, ...] = (4096, 3072, 1536, 768, 36)
    decoder_features: tuple[int, ...] = (512, 256, 128, 64)

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `image` `[B, 64, 64, 3]` in [-1, 1], `label` `[B]` int32 and `key` `[B]`.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `video` `[B, 32, 64, 64, 3]` in [-1, 1].
        """
        x, maps = condition["image"], []
        for i, features in enumerate(self.encoder_features):
            x = Conv(features, (4, 4), (2, 2), (1, 1), name=f"encoder_{i}")(x)
            x = nn.leaky_relu(batch_norm(train=train, name=f"encoder_norm_{i}")(x), SLOPE)
            maps.append(x)
        code = Conv(self.code, (4, 4), name="code")(x)
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=x.dtype)
        drawn = noise(condition["key"], (self.noise,)).astype(x.dtype)
        x = jnp.concatenate([drawn, label, code[:, 0, 0]], axis=-1)[:, None, None, None]
        middles = iter(self.middle_features)
        for i, features in enumerate(self.decoder_features):
            block = Block(next(middles), features, first=i == 0, name=f"block_{i}")
            x = block(x, train=train)
            beside = jnp.concatenate([maps.pop(), over_grid(label, x.shape[2:4])], axis=-1)
            beside = jnp.broadcast_to(beside[:, None], (*x.shape[:4], beside.shape[-1]))
            x = jnp.concatenate([x, beside], axis=-1)
        video = Block(next(middles), 3, last=True, name="rgb")(x, train=train)
        return {"video": nn.tanh(video.astype(jnp.float32))}


class Block(nn.Module):
    """A transposed (1+2)D convolution: over time, then over space.

    Attributes:
      middle: width between the two.
      features: output width.
      first: expands one position to 2 frames of 4 x 4; else every side is doubled.
      last: no BatchNorm and LeakyReLU after the second convolution.
    """

    middle: int
    features: int
    first: bool = False
    last: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[B, T, H, W, C]` to `[B, 2T, 2H, 2W, features]`."""
        time = ((2, 1, 1),) if self.first else ((4, 1, 1), (2, 1, 1), (1, 0, 0))
        space = ((1, 4, 4),) if self.first else ((1, 4, 4), (1, 2, 2), (0, 1, 1))
        x = ConvTranspose(self.middle, *time, name="time")(x)
        x = nn.leaky_relu(batch_norm(train=train, name="time_norm")(x), SLOPE)
        x = ConvTranspose(self.features, *space, name="space")(x)
        if self.last:
            return x
        return nn.leaky_relu(batch_norm(train=train, name="space_norm")(x), SLOPE)


class Discriminator(nn.Module):
    """3D convolutions on clips and labels, 2D ones on a random frame; spectral norm on all layers.

    Attributes:
      num_classes: number of expressions.
      features: widths of the first four layers of both.
    """

    num_classes: int = 6
    features: tuple[int, ...] = (64, 128, 256, 512)

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video `[B, 32, 64, 64, 3]`: `real_fake_video` and `real_fake_image` `[B]`."""
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=video.dtype)
        x, settings = video, ((4, 4, 4), (2, 2, 2), (1, 1, 1))
        for i, features in enumerate(self.features):
            layer = Conv(features, *settings, spectral_norm=True, name=f"video_{i}")
            x = nn.leaky_relu(layer(x, tiled=label if i == 1 else None), SLOPE)
        logit = Conv(1, (2, 4, 4), spectral_norm=True, name="video_logit")(x)
        return {
            "real_fake_video": logit.reshape(len(video)).astype(jnp.float32),
            "real_fake_image": ImageJudge(self.features, name="image")(
                random_frames(video, self.make_rng("frame"))
            ),
        }


class ImageJudge(nn.Module):
    """Five 2D convolutions with spectral norm, from a frame to one logit.

    Attributes:
      features: widths of the first four.
    """

    features: tuple[int, ...] = (64, 128, 256, 512)

    @nn.compact
    def __call__(self, frame: jax.Array) -> jax.Array:
        """Judges frames `[B, 64, 64, 3]`: float32 logits `[B]`."""
        for i, features in enumerate(self.features):
            settings = ((4, 4), (2, 2), (1, 1))
            layer = Conv(features, *settings, spectral_norm=True, name=f"layer_{i}")
            frame = nn.leaky_relu(layer(frame), SLOPE)
        logit = Conv(1, (4, 4), spectral_norm=True, name="logit")(frame)
        return logit.reshape(len(logit)).astype(jnp.float32)


def over_grid(values: jax.Array, sides: tuple[int, ...]) -> jax.Array:
    """Values `[B, D]` at every position of a grid: `[B, *sides, D]`."""
    batch, features = values.shape
    spread = values.reshape(batch, *[1] * len(sides), features)
    return jnp.broadcast_to(spread, (batch, *sides, features))
