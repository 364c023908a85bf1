"""MoCoGAN (Tulyakov et al. 2018): fixed content, motion codes by a GRU; 16 frames from noise.

Its category is the expression's label.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import label_alone, noise
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm

SLOPE = 0.2
GIVEN = ("label",)


class Generator(nn.Module):
    """One code per frame, each decoded to a picture.

    Attributes:
      num_classes: number of expressions.
      num_frames: frames T.
      content: length of the code that all frames share.
      motion: length of the code that changes from frame to frame.
      features: widths of the picture's decoder.
    """

    num_classes: int = 6
    num_frames: int = 16
    content: int = 50
    motion: int = 10
    features: tuple[int, ...] = (512, 256, 128, 64)

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `key` `[B]` and `label` `[B]` int32.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `video` `[B, T, 64, 64, 3]` in [-1, 1].
        """
        frames, drawn = self.num_frames, self.content + (self.num_frames + 1) * self.motion
        content, walk = jnp.split(noise(condition["key"], (drawn,)), [self.content], axis=1)
        hidden, *steps = jnp.moveaxis(walk.reshape(-1, frames + 1, self.motion), 1, 0)
        cell, motion = GruCell(self.motion, name="gru"), []
        for step in steps:
            hidden = cell(hidden, step)
            motion.append(hidden)
        label = jax.nn.one_hot(condition["label"], self.num_classes)
        still = jnp.concatenate([content, label], axis=1)[:, None]
        still = jnp.broadcast_to(still, (len(still), frames, still.shape[-1]))
        x = jnp.concatenate([still, jnp.stack(motion, axis=1)], axis=-1)
        x = x.reshape(-1, 1, 1, x.shape[-1]).astype(content.dtype)
        for i, features in enumerate(self.features):
            settings = ((4, 4), (2, 2), (1, 1)) if i else ((4, 4),)
            x = ConvTranspose(features, *settings, use_bias=False, name=f"layer_{i}")(x)
            x = nn.relu(batch_norm(train=train, name=f"norm_{i}")(x))
        x = ConvTranspose(3, (4, 4), (2, 2), (1, 1), use_bias=False, name="rgb")(x)
        return {"video": nn.tanh(x).reshape(-1, frames, *x.shape[1:])}


class GruCell(nn.Module):
    """A gated recurrent unit with biases on input and state, as in the published code.

    Attributes:
      features: length of the state.
    """

    features: int

    @nn.compact
    def __call__(self, hidden: jax.Array, x: jax.Array) -> jax.Array:
        """One time step: `[B, D]`, `[B, D]` to `[B, D]`."""
        given = nn.Dense(3 * self.features, name="given")(x)
        kept = nn.Dense(3 * self.features, name="kept")(hidden)
        (r, z, n), (kept_r, kept_z, kept_n) = (jnp.split(v, 3, axis=-1) for v in (given, kept))
        reset, update = nn.sigmoid(r + kept_r), nn.sigmoid(z + kept_z)
        return (1.0 - update) * nn.tanh(n + reset * kept_n) + update * hidden


class Discriminator(nn.Module):
    """A clip discriminator with a category head, and a patch discriminator of a random frame.

    Attributes:
      num_classes: number of expressions.
      image_features: widths of the frame discriminator's layers but the last.
      video_features: widths of the clip discriminator's.
      noise: standard deviation of the noise added before each layer but the last.
    """

    num_classes: int = 6
    image_features: tuple[int, ...] = (64, 128, 256)
    video_features: tuple[int, ...] = (64, 128, 256, 512)
    noise: float = 0.0

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video `[B, 16, 64, 64, 3]`.

        Returns:
          `real_fake_image` `[B, 4, 4, 1]`, `real_fake_video` `[B]` and `category` `[B, classes]`.
        """
        frame = random_frames(video, self.make_rng("frame"))
        patches = self._layers(frame, self.image_features, "image", train)
        patches = Conv(1, (4, 4), (2, 2), (1, 1), use_bias=False, name="image_logit")(patches)
        clips = self._layers(video, self.video_features, "video", train)
        heads = Conv(1 + self.num_classes, (4, 4, 4), use_bias=False, name="video_logit")(clips)
        heads = heads.reshape(len(video), -1).astype(jnp.float32)
        return {
            "real_fake_image": patches.astype(jnp.float32),
            "real_fake_video": heads[:, 0],
            "category": heads[:, 1:],
        }

    def _layers(self, x: jax.Array, widths: tuple[int, ...], name: str, train: bool) -> jax.Array:
        settings = ((4, 4), (2, 2), (1, 1)) if x.ndim == 4 else ((4, 4, 4), (1, 2, 2), (0, 1, 1))
        for i, features in enumerate(widths):
            if self.noise and train:
                drawn = jax.random.normal(self.make_rng("noise"), x.shape, x.dtype)
                x += self.noise * drawn
            x = Conv(features, *settings, use_bias=False, name=f"{name}_{i}")(x)
            if i:
                x = batch_norm(train=train, name=f"{name}_norm_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
        return x


def random_frames(video: jax.Array, key: jax.Array) -> jax.Array:
    """One random frame `[B, H, W, C]` of each clip `[B, T, H, W, C]`."""
    chosen = jax.random.randint(key, (len(video),), 0, video.shape[1])
    return video[jnp.arange(len(video)), chosen]


condition = label_alone
