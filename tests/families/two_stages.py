"""A VAE in two stages: encoder and decoder, then, with both fixed, a predictor of the code."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models.inputs import noise
from fevgan_jax.models.layers import ConvTranspose, batch_norm
from tests import tiny_config


class Encoder(nn.Module):
    @nn.compact
    def __call__(self, video, *, train):
        x = nn.relu(nn.Dense(16)(video.reshape(len(video), -1)))
        x = batch_norm(train=train)(x)
        return nn.Dense(8, name="mean")(x), nn.softplus(nn.Dense(8, name="scale")(x))


class Decoder(nn.Module):
    @nn.compact
    def __call__(self, code):
        x = ConvTranspose(8, (2, 8, 8))(code[:, None, None, None])
        return nn.tanh(ConvTranspose(3, (4, 4, 4), (2, 2, 2), (1, 1, 1))(nn.relu(x)))


class Generator(nn.Module):
    num_classes: int
    stage: int = 1

    def setup(self):
        self.encoder, self.decoder = Encoder(), Decoder()
        if self.stage == 2:
            self.way = nn.Dense(8)

    def __call__(self, condition, *, train):
        if "video" in condition:
            mean, scale = self.encoder(condition["video"], train=train and self.stage == 1)
        else:
            mean, scale = jnp.zeros((len(condition["key"]), 8)), jnp.ones(8)
        outputs = {"mean": mean, "scale": scale * jnp.ones_like(mean)}
        drawn = mean + scale * noise(condition["key"], (8,)) * condition["progress"][:, None]
        if self.stage == 2:
            label = jax.nn.one_hot(condition["label"], self.num_classes)
            outputs["guess"] = drawn = self.way(label)
        return outputs | {"video": self.decoder(drawn)}


def condition(batch):
    """A photo alone has no video to encode."""
    return {name: batch[name] for name in ("label", "video") if name in batch}


def divergence(context):
    """KL divergence of the code from N(0, 1)."""
    mean, scale = context.outputs["mean"], context.outputs["scale"] + 1e-3
    return (0.5 * (mean**2 + scale**2 - 1.0) - jnp.log(scale)).mean()


def guess(context):
    """Distance of the predicted code from the code's mean."""
    return jnp.square(context.outputs["guess"] - context.outputs["mean"]).mean()


GENERATOR_LOSSES = {"divergence": divergence, "guess": guess}


def get_config(stage=1):
    config = tiny_config.get_config()
    config.model.name = __name__
    config.model.generator = {"stage": stage}
    config.discriminator_loss = {}
    if stage == 1:
        annealed = {"name": "linear_schedule", "init_value": 0.0, "end_value": 1.0}
        annealed["transition_steps"] = 10
        config.generator_loss = {"reconstruction": 1.0, "divergence": annealed}
        return config
    config.generator_loss = {"guess": 1.0}
    config.freeze = ("generator/encoder", "generator/decoder")
    config.initial_parts = {path: path for path in config.freeze}
    return config
