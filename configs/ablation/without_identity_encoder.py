r"""The paper's ablation without E_id: the generator has none, all losses are kept.

    python -m fevgan_jax.main --config=configs/ablation/without_identity_encoder.py \
        --workdir=runs/without_identity_encoder

Paper (Table 3, MUG): PSNR 19.71, ACD-I 1.22. No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs import mug


def get_config() -> ml_collections.ConfigDict:
    """Returns the MUG config with no identity encoder in the generator."""
    config = mug.get_config()
    config.model.identity_encoder = None
    return config
