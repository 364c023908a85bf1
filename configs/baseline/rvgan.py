"""RV-GAN (Gupta et al. 2022) on MUG: recurrent cells unroll noise to 16 frames.

    python -m fevgan_jax.main --config=configs/baseline/rvgan.py --workdir=runs/rvgan

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of RV-GAN."""
    config = _gan.get_config("rvgan")
    config.batch_size = 8  # paper (RV-GAN)
    config.data.window = 16  # paper (RV-GAN): random windows of 16 frames
    config.rule.order = "discriminator_first"  # paper (RV-GAN), as G3AN
    return config
