"""A GAN with two discriminators, spectral norm, a category head, noise, dropout and int outputs."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import noise
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm
from tests import tiny_config


class Generator(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, condition, *, train):
        z = noise(condition["key"], (8,))
        label = jax.nn.one_hot(condition["label"], self.num_classes)
        x = jnp.concatenate([z, label], axis=-1)[:, None, None, None]
        x = ConvTranspose(16, (2, 8, 8), spectral_norm=True)(x)
        x = nn.relu(batch_norm(train=train)(x))
        x = nn.Dropout(0.1, deterministic=not train)(x)
        calls = self.variable("counters", "calls", lambda: jnp.zeros((), jnp.int32))
        if train and not self.is_initializing():
            calls.value += 1
        video = nn.tanh(ConvTranspose(3, (4, 4, 4), (2, 2, 2), (1, 1, 1))(x))
        return {"video": video, "brightest": video.mean((2, 3, 4)).argmax(1)}


class Discriminator(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, video, condition, *, train):
        frame = jax.random.randint(self.make_rng("frame"), (), 0, video.shape[1])
        x = Conv(8, (4, 4, 4), (2, 2, 2), (1, 1, 1), spectral_norm=True)(video)
        x = nn.leaky_relu(x).mean((1, 2, 3))
        y = Conv(8, (4, 4), (2, 2), (1, 1), spectral_norm=True)(video[:, frame])
        return {
            "real_fake_video": nn.Dense(1)(x),
            "real_fake_image": Conv(1, (8, 8))(nn.leaky_relu(y)),
            "category": nn.Dense(self.num_classes)(x),
        }


def condition(batch):
    """No photo: the identity comes from the noise."""
    return {"label": batch["label"]}


def brightness(context):
    """A term of the family's own."""
    return jnp.square(context.outputs["video"].mean() - context.real["video"].mean())


GENERATOR_LOSSES = {"brightness": brightness}


def get_config():
    config = tiny_config.get_config()
    config.model.name = __name__
    config.data.window = 4
    config.generator_loss = {"adversarial": 1.0, "category": 1.0, "brightness": 1.0}
    config.discriminator_loss = {"adversarial": 1.0, "category": 1.0}
    config.rule.order = "discriminator_first"
    return config
