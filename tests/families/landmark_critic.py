"""A WGAN-GP whose generator makes landmarks, with critic steps on rows of their own."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import noise
from tests import tiny_config

FEATURES = ("landmarks", "label")
JUDGED = "landmarks"
SCALE = 10.0


class Generator(nn.Module):
    num_classes: int
    frames: int = 4

    @nn.compact
    def __call__(self, condition, *, train):
        label = jax.nn.one_hot(condition["label"], self.num_classes)
        x = jnp.concatenate([noise(condition["key"], (4,)), label], axis=-1)
        x = nn.Dense(self.frames * 136)(nn.relu(nn.Dense(16)(x)))
        return {"landmarks": x.reshape(-1, self.frames, 68, 2)}


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, landmarks, condition, *, train):
        x = nn.leaky_relu(nn.Dense(16)(landmarks.reshape(len(landmarks), -1)))
        return {"real_fake": nn.Dense(1)(x)[:, 0]}


def condition(batch):
    return {"label": batch["label"]}


def real(batch):
    return {"landmarks": batch["landmarks"] / SCALE}


def to_video(outputs, condition):
    """Each landmark brightens its pixel."""
    x, y = jnp.moveaxis(jnp.clip(SCALE * outputs["landmarks"], 0, 15).astype(jnp.int32), -1, 0)
    flat = jax.nn.one_hot(16 * y + x, 256).max(2)
    return 2.0 * jnp.repeat(flat.reshape(*flat.shape[:2], 16, 16, 1), 3, axis=-1) - 1.0


def get_config():
    config = tiny_config.get_config()
    config.model.name = __name__
    config.generator_loss = {"wasserstein": 1.0}
    config.discriminator_loss = {"wasserstein": 1.0, "gradient_penalty": 10.0}
    config.rule.order = "discriminator_first"
    config.rule.critic_steps = 4
    config.rule.fresh_fakes = True
    return config
