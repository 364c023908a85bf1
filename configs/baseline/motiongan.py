"""MotionGAN (Otberdout et al. 2019) on MUG, step 1: a label to the motion of 68 landmarks.

python -m fevgan_jax.main --config=configs/baseline/motiongan.py --workdir=runs/motiongan

Step 2, `texturegan`, makes pictures of the landmarks. No figure has been measured on MUG.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of MotionGAN."""
    config = _gan.get_config("motiongan")
    config.batch_size = 64  # choice: not in the paper
    # paper (Otberdout): WGAN-GP, and ten times both distances
    config.generator_loss = {"wasserstein": 1.0, "tangent": 10.0, "geodesic": 10.0}
    config.discriminator_loss = {"wasserstein": 1.0, "gradient_penalty": 10.0}
    config.rule.order = "discriminator_first"  # paper (Otberdout)
    config.rule.critic_steps = 4  # paper (Otberdout)
    config.rule.fresh_fakes = True  # paper (Otberdout)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 1e-4  # paper (Otberdout)
        optimizer.b2 = 0.9  # paper (WGAN-GP)
    return config
