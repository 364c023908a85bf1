"""VGAN (Vondrick et al. 2016) on MUG: noise to 32 frames, no photo and no label.

    python -m fevgan_jax.main --config=configs/baseline/vgan.py --workdir=runs/vgan

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of VGAN."""
    config = _gan.get_config("vgan")
    config.batch_size = 64  # paper (VGAN)
    config.generator_loss.mask = 0.1  # paper (VGAN): a small foreground
    config.rule.order = "discriminator_first"  # paper (VGAN), on the same fakes
    return config
