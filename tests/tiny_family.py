"""A family for the clips of `tests/tiny_clips.py`: layers and BatchNorm, and little work."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm


class Generator(nn.Module):
    num_classes: int
    features: int = 8

    @nn.compact
    def __call__(self, condition, *, train):
        image = condition["image"]
        x = Conv(self.features, (4, 4), (2, 2), (1, 1), use_bias=False)(image)
        x = nn.relu(batch_norm(train=train)(x))
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=image.dtype)
        label = jnp.broadcast_to(label[:, None, None], (*x.shape[:3], self.num_classes))
        x = jnp.concatenate([x, label], axis=-1)[:, None]
        x = ConvTranspose(self.features, (2, 1, 1), use_bias=False)(x)
        x = nn.relu(batch_norm(train=train)(x))
        return {"video": nn.tanh(ConvTranspose(3, (4, 4, 4), (2, 2, 2), (1, 1, 1))(x))}


class Discriminator(nn.Module):
    num_classes: int
    features: int = 8

    @nn.compact
    def __call__(self, video, condition, *, train):
        label = jax.nn.one_hot(condition["label"], self.num_classes, dtype=video.dtype)
        x = Conv(self.features, (4, 4, 4), (2, 2, 2), (1, 1, 1))(video, tiled=label)
        x = Conv(self.features, (2, 4, 4), (1, 2, 2), (0, 1, 1), use_bias=False)(nn.relu(x))
        x = nn.relu(batch_norm(train=train)(x))
        return {"real_fake": Conv(1, (1, 4, 4))(x).reshape(len(x))}
