"""The paper's ablation without E_s (Table 3, MUG: PSNR 25.44, ACD-I 0.34)."""

import ml_collections

from fevgan_jax.configs import mug


def get_config() -> ml_collections.ConfigDict:
    """Returns the MUG config with no spatial encoder in the generator."""
    config = mug.get_config()
    config.model.generator.encoder_features = ()
    return config
