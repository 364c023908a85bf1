"""G3AN (Wang et al. 2020) on MUG: noise of appearance and of motion to 16 frames.

    python -m fevgan_jax.main --config=configs/baseline/g3an.py --workdir=runs/g3an

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of G3AN."""
    config = _gan.get_config("g3an")
    config.batch_size = 96  # paper (G3AN)
    config.data.window = 16  # paper (G3AN): random windows of 16 frames
    config.rule.order = "discriminator_first"  # paper (G3AN), on the same fakes
    return config
