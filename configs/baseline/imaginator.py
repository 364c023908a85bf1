"""ImaGINator (Wang et al. 2020) on MUG: a photo, a label and noise to 32 frames.

    python -m fevgan_jax.main --config=configs/baseline/imaginator.py --workdir=runs/imaginator

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of ImaGINator."""
    config = _gan.get_config("imaginator")
    config.batch_size = 64  # paper (ImaGINator)
    config.generator_loss.reconstruction = 100.0  # paper (ImaGINator), L1
    # paper (ImaGINator): the generator's update comes first, the discriminators' takes the same
    # fakes, which equals the simultaneous order
    config.rule.order = "simultaneous"
    return config
