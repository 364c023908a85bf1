"""G3AN (Wang et al. 2020): appearance, motion and their product in three streams, 16 frames."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.imaginator import ImageJudge
from fevgan_jax.models.inputs import label_alone, noise
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm
from fevgan_jax.models.mocogan import random_frames

SLOPE = 0.2
GIVEN = ()


class Generator(nn.Module):
    """A video from appearance noise and motion noise.

    Attributes:
      appearance: length of the noise that all frames share.
      motion: length of the noise of the motion.
      features: widths of a stream in each block.
      time_doubles: for each block, whether it doubles the number of frames; the first makes four.
      attention_after: the block after which factorised self-attention comes.
    """

    appearance: int = 128
    motion: int = 10
    features: tuple[int, ...] = (512, 512, 256, 128, 64)
    time_doubles: tuple[bool, ...] = (False, True, True, False, False)
    attention_after: int = 3

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `key` `[B]`.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `video` `[B, 16, 64, 64, 3]` in [-1, 1].
        """
        main = noise(condition["key"], (self.appearance + self.motion,))[:, None, None, None]
        spatial, temporal = jnp.split(main, [self.appearance], axis=-1)
        for i, features in enumerate(self.features):
            block = Block(features, first=i == 0, doubles=self.time_doubles[i], name=f"block_{i}")
            spatial, main, temporal = block(spatial, main, temporal, train=train)
            if i == self.attention_after:
                main = Attention(axes=(1,), name="attention_time")(main)
                main = Attention(axes=(2, 3), name="attention_space")(main)
        video = Conv(3, (1, 3, 3), padding=(0, 1, 1), spectral_norm=True, name="rgb")(main)
        return {"video": nn.tanh(video.astype(jnp.float32))}


class Block(nn.Module):
    """One block of the three streams.

    Attributes:
      features: width of each stream.
      first: expands one position to 4 frames of 4 x 4.
      doubles: whether the number of frames doubles; it stays otherwise.
    """

    features: int
    first: bool = False
    doubles: bool = True

    @nn.compact
    def __call__(
        self, spatial: jax.Array, main: jax.Array, temporal: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Maps the streams `[B, 1, H, W, C]`, `[B, T, H, W, C]` and `[B, T, 1, 1, C]`."""
        space = ((1, 4, 4),) if self.first else ((1, 4, 4), (1, 2, 2), (0, 1, 1))
        time = ((4, 1, 1),) if self.first else ((4, 1, 1), (2, 1, 1), (1, 0, 0))
        if not (self.first or self.doubles):
            time = ((1, 1, 1),)

        def convolve(x: jax.Array, name: str, settings: tuple[tuple[int, ...], ...]) -> jax.Array:
            layer = ConvTranspose(self.features, *settings, spectral_norm=True, name=name)
            return nn.relu(batch_norm(train=train, name=f"{name}_norm")(layer(x)))

        spatial = convolve(spatial, "spatial", space)
        temporal = convolve(temporal, "temporal", time)
        main = convolve(convolve(main, "main_time", time), "main_space", space) + temporal
        repeated = jnp.broadcast_to(spatial, main.shape)
        return spatial, jnp.concatenate([repeated, main], axis=-1), temporal


class Attention(nn.Module):
    """Self-attention along some axes, added with a weight that is initially 0.

    Attributes:
      axes: those whose positions attend to each other; the others are batch axes.
      features: length of queries and keys.
    """

    axes: tuple[int, ...]
    features: int = 32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, T, H, W, C]` to the same shape."""
        channels = x.shape[-1]

        def project(features: int, name: str) -> jax.Array:
            return Conv(features, (1, 1, 1), spectral_norm=True, name=name)(x)

        query, key = project(self.features, "query"), project(self.features, "key")
        value = project(channels, "value")
        apart = tuple(axis for axis in (1, 2, 3) if axis not in self.axes)
        order = (0, *apart, *self.axes, 4)
        shape = [x.shape[axis] for axis in order[:-1]]
        rows = 1 + len(apart)

        def as_rows(maps: jax.Array) -> jax.Array:
            return maps.transpose(order).reshape(*shape[:rows], -1, maps.shape[-1])

        query, key, value = map(as_rows, (query, key, value))
        shares = nn.softmax(jnp.einsum("...qd,...kd->...qk", query, key), axis=-1)
        mixed = jnp.einsum("...qk,...kd->...qd", shares, value).reshape(*shape, channels)
        mixed = mixed.transpose(tuple(order.index(axis) for axis in range(5)))
        return x + self.param("gamma", nn.initializers.zeros_init(), ()) * mixed


class Discriminator(nn.Module):
    """(2+1)D convolutions on clips, 2D ones on a random frame of each; spectral norm on all.

    Attributes:
      features: widths of both.
    """

    features: tuple[int, ...] = (64, 128, 256, 512)

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video `[B, 16, 64, 64, 3]`: `real_fake_video` and `real_fake_image` `[B]`."""
        x = video
        for i, features in enumerate(self.features):
            space = ((1, 4, 4), (1, 2, 2), (0, 1, 1))
            x = Conv(features, *space, spectral_norm=True, name=f"space_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
            x = Conv(features, (4, 1, 1), spectral_norm=True, name=f"time_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
        x = Conv(self.features[-1], (1, 4, 4), spectral_norm=True, name="space")(x)
        logit = Conv(1, (4, 1, 1), spectral_norm=True, name="logit")(nn.leaky_relu(x, SLOPE))
        frames = random_frames(video, self.make_rng("frame"))
        return {
            "real_fake_video": logit.reshape(len(video)).astype(jnp.float32),
            "real_fake_image": ImageJudge(self.features, name="image")(frames),
        }


condition = label_alone
