"""Shared by the baselines: MUG's data and evaluation, without FEV-GAN's model and losses."""

import ml_collections

from fevgan_jax.configs import mug


def get_config(family: str) -> ml_collections.ConfigDict:
    """The MUG config with another family and only the adversarial losses.

    Args:
      family: a module of `fevgan_jax.models`.
    """
    config = mug.get_config()
    config.model.name = f"fevgan_jax.models.{family}"
    config.model.identity_encoder = None
    config.model.generator = {}
    config.model.discriminator = {}
    config.generator_loss = {"adversarial": 1.0}
    config.discriminator_loss = {"adversarial": 1.0}
    return config
