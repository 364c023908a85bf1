"""The paper's ablation without E_id (Table 3, MUG: PSNR 19.71, ACD-I 1.22).

E_id leaves the generator; the losses, the identity loss among them, stay.
"""

import ml_collections

from fevgan_jax.configs import mug


def get_config() -> ml_collections.ConfigDict:
    """Returns the MUG config with no identity encoder in the generator."""
    config = mug.get_config()
    config.model.identity_encoder = None
    return config
