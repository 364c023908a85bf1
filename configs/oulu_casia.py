"""FEV-GAN on Oulu-CASIA, as the paper trains it.

    python -m fevgan_jax.prepare --dataset=oulu_casia/paper --raw_dir=...
    python -m fevgan_jax.main --config=configs/oulu_casia.py --workdir=runs/oulu_casia

Paper: PSNR 25.61, SSIM 0.89, ACD 0.12, ACD-I 0.19. No run of this config has been measured:
Oulu-CASIA needs a licence.
"""

import ml_collections

from fevgan_jax.configs import base


def get_config() -> ml_collections.ConfigDict:
    """Returns the base config on Oulu-CASIA."""
    config = base.get_config()
    config.data.dataset = "oulu_casia/paper"
    return config
