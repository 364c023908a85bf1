"""MoCoGAN (Tulyakov et al. 2018) on MUG: noise and a label to 16 frames, no photo.

    python -m fevgan_jax.main --config=configs/baseline/mocogan.py --workdir=runs/mocogan

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of MoCoGAN."""
    config = _gan.get_config("mocogan")
    config.batch_size = 32  # choice
    config.data.window = 16  # paper (MoCoGAN): random windows of 16 frames
    config.generator_loss.category = 1.0  # paper (MoCoGAN)
    config.discriminator_loss.category = 1.0  # paper (MoCoGAN), on real clips
    config.rule.order = "discriminator_first"  # paper (MoCoGAN)
    config.rule.fresh_fakes = True  # paper (MoCoGAN)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.l2 = 1e-5  # paper (MoCoGAN)
    return config
