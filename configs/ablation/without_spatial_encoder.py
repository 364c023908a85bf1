r"""The paper's ablation without E_s, the generator's own encoder of the photo.

    python -m fevgan_jax.main --config=configs/ablation/without_spatial_encoder.py \
        --workdir=runs/without_spatial_encoder

Paper (Table 3, MUG): PSNR 25.44, ACD-I 0.34. No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs import mug


def get_config() -> ml_collections.ConfigDict:
    """Returns the MUG config with no spatial encoder in the generator."""
    config = mug.get_config()
    config.model.generator.encoder_features = ()
    return config
