"""C-VGAN on MUG: the paper's own baseline, VGAN's generator on a photo's code and the label.

    python -m fevgan_jax.main --config=configs/baseline/cvgan.py --workdir=runs/cvgan

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of C-VGAN."""
    config = _gan.get_config("cvgan")
    config.batch_size = 32  # choice
    config.generator_loss.first_frame = 10.0  # paper (VGAN, conditional): L1 on the first frame
    config.rule.order = "discriminator_first"  # paper (VGAN), on the same fakes
    return config
