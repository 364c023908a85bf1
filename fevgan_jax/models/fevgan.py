"""FEV-GAN (paper, section 3): a photo and an expression's label become 32 frames.

The generator concatenates the photo's features by a frozen face recogniser (E_id, given as
`condition["identity"]`), those by its own encoder (E_s) and the label, and decodes this code into a
video; the discriminator judges the whole video with the label at every pixel.
The ablations are data: `encoder_features=()` leaves E_s out, a condition without `identity` E_id.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm

CODE_SIDE = 4  # paper: the code is a 4x4 grid
SLOPE = 0.2  # choice: DCGAN's slope of LeakyReLU


class Generator(nn.Module):
    """E_s and the decoder.

    Attributes:
      num_classes: number of expressions.
      encoder_features: E_s's widths; () leaves E_s out.
      decoder_features: the decoder's widths before the video's three channels.
      key_frames: decode the code's two time steps as two pictures, by kernels without a time axis.
    """

    num_classes: int = 6  # paper
    encoder_features: tuple[int, ...] = (64, 128, 256, 512)  # paper: 512 maps; the rest a choice
    decoder_features: tuple[int, ...] = (1024, 512, 256, 128)  # forced: VGAN's conditional model
    key_frames: bool = False

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `image` `[B, 64, 64, 3]` in [-1, 1], `label` `[B]` int32 and, unless E_id is
            left out, `identity` `[B, h, w, D]` at unit scale, or an embedding `[B, D]`.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `video` `[B, 32, 64, 64, 3]` in [-1, 1], two frames of it with `key_frames`; float32
          whatever the compute dtype.
        """
        double = _double_sides if self.key_frames else _double
        parts = [_on_code_grid(condition["identity"])] if "identity" in condition else []
        if self.encoder_features:
            parts.append(self._encode(condition["image"], train))
        dtype = condition["image"].dtype
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=dtype)[:, None, None]
        grid = (label.shape[0], CODE_SIDE, CODE_SIDE, self.num_classes)
        parts.append(jnp.broadcast_to(label, grid))  # paper: at every position
        code = jnp.concatenate(parts, axis=-1)[:, None]

        first, *rest = self.decoder_features
        x = ConvTranspose(first, (2, 1, 1), use_bias=False, name="decoder_0")(code)
        x = nn.relu(batch_norm(train=train, name="decoder_norm_0")(x))
        for i, features in enumerate(rest, start=1):
            x = double(features, use_bias=False, name=f"decoder_{i}")(x)
            x = nn.relu(batch_norm(train=train, name=f"decoder_norm_{i}")(x))
        video = double(3, use_bias=True, name="video")(x)
        # forced: the range of the photos. float32, because bfloat16 rounds all below -0.998 to -1,
        # where the background is.
        return {"video": nn.tanh(video.astype(jnp.float32))}

    def _encode(self, image: jax.Array, train: bool) -> jax.Array:
        x = image
        for i, features in enumerate(self.encoder_features):
            x = Conv(features, (4, 4), (2, 2), (1, 1), use_bias=False, name=f"encoder_{i}")(x)
            x = nn.relu(batch_norm(train=train, name=f"encoder_norm_{i}")(x))  # paper
        return x


class Discriminator(nn.Module):
    """Five 3D convolutions on the video and its label, to one logit.

    Attributes:
      num_classes: number of expressions.
      features: widths of the first four layers.
    """

    num_classes: int = 6  # paper
    features: tuple[int, ...] = (64, 128, 256, 512)  # choice: VGAN's

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video.

        Args:
          video: `[B, 32, 64, 64, 3]` in [-1, 1].
          condition: `label` `[B]` int32.
          train: BatchNorm uses the batch's statistics and updates its averages.

        Returns:
          `real_fake` `[B]`, a float32 logit: positive is real.
        """
        first, *rest = self.features
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=video.dtype)
        # paper: the label is an input; no BatchNorm at the input layer
        x = _halve(first, use_bias=True, name="layer_0")(video, tiled=label)
        x = nn.leaky_relu(x, SLOPE)
        for i, features in enumerate(rest, start=1):
            x = _halve(features, use_bias=False, name=f"layer_{i}")(x)
            x = nn.leaky_relu(batch_norm(train=train, name=f"norm_{i}")(x), SLOPE)
        logit = Conv(1, (2, 4, 4), name="logit")(x).astype(jnp.float32)
        return {"real_fake": logit.reshape(logit.shape[0], -1).mean(axis=-1)}


def _on_code_grid(maps: jax.Array) -> jax.Array:
    """Repeats maps or an embedding over the code's grid; resizes grids that do not divide it."""
    batch, *grid, channels = maps.shape
    maps = maps.reshape(batch, *(grid or (1, 1)), channels)
    method = "nearest" if all(CODE_SIDE % side == 0 for side in grid) else "linear"
    return jax.image.resize(maps, (batch, CODE_SIDE, CODE_SIDE, channels), method)


def _double(features: int, *, use_bias: bool, name: str) -> ConvTranspose:
    return ConvTranspose(features, (4, 4, 4), (2, 2, 2), (1, 1, 1), use_bias=use_bias, name=name)


def _double_sides(features: int, *, use_bias: bool, name: str) -> ConvTranspose:
    return ConvTranspose(features, (1, 4, 4), (1, 2, 2), (0, 1, 1), use_bias=use_bias, name=name)


def _halve(features: int, *, use_bias: bool, name: str) -> Conv:
    return Conv(features, (4, 4, 4), (2, 2, 2), (1, 1, 1), use_bias=use_bias, name=name)
