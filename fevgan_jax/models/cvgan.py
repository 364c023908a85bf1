"""C-VGAN (the paper's baseline): VGAN's generator on a photo's code and the label.

The paper says only "latent code"; the encoder is that of VGAN's conditional variant.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models import vgan
from fevgan_jax.models.layers import Conv, batch_norm


class Generator(nn.Module):
    """A photo and a label to a video.

    Attributes:
      num_classes: number of expressions.
      encoder_features: widths of the encoder.
      features: widths of the generator's two streams.
      code: length of the photo's code (choice: that of VGAN's noise).
    """

    num_classes: int = 6
    encoder_features: tuple[int, ...] = (128, 256, 512, 1024)
    features: tuple[int, ...] = (512, 256, 128, 64)
    code: int = 100

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video from `image` `[B, 64, 64, 3]` and `label` `[B]`, as VGAN gives it."""
        x = condition["image"]
        for i, features in enumerate(self.encoder_features):
            settings = ((4, 4), (2, 2), (1, 1))
            x = Conv(features, *settings, stddev=vgan.STDDEV, name=f"encoder_{i}")(x)
            if i:
                x = batch_norm(train=train, epsilon=vgan.EPSILON, name=f"encoder_norm_{i}")(x)
            x = nn.relu(x)
        code = Conv(self.code, (4, 4), stddev=vgan.STDDEV, name="code")(x)[:, 0, 0]
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=code.dtype)
        streams = vgan.TwoStreams(self.features, name="streams")
        return streams(jnp.concatenate([code, label], axis=-1), train=train)


class Discriminator(vgan.Discriminator):
    """VGAN's, with the label's maps concatenated after the first layer (choice)."""

    num_classes: int = 6


def first_frame(context) -> jax.Array:
    """L1 between the first frames, generated and real (VGAN's conditional variant)."""
    return jnp.abs(context.outputs["video"][:, 0] - context.real["video"][:, 0]).mean()


GENERATOR_LOSSES = {"first_frame": first_frame}
