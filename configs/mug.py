"""FEV-GAN on MUG, as the paper trains it.

    python -m fevgan_jax.prepare --dataset=mug/paper --raw_dir=...
    python -m fevgan_jax.main --config=configs/mug.py --workdir=runs/mug

Paper: PSNR 27.10, SSIM 0.91, ACD 0.09, ACD-I 0.23. No run of this config has been measured: MUG
needs a licence.
"""

import ml_collections

from fevgan_jax.configs import base


def get_config() -> ml_collections.ConfigDict:
    """Returns the base config on MUG."""
    config = base.get_config()
    config.data.dataset = "mug/paper"
    return config
