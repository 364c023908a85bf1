"""VDSM (Vowels et al. 2021) on MUG, stage 1: one identity per clip, one pose per frame.

    python -m fevgan_jax.main --config=configs/baseline/vdsm.py --workdir=runs/vdsm

Stage 2 is `vdsm_dynamics`. No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of VDSM's first stage."""
    config = _gan.get_config("vdsm")
    config.batch_size = 20  # paper (VDSM)
    config.num_steps = 12_500  # paper (VDSM)
    config.model.generator.stage = 1
    config.generator_loss = {"bernoulli": 1.0, "identity_divergence": 1.0, "pose_divergence": 1.0}
    config.discriminator_loss = ml_collections.ConfigDict()  # paper (VDSM): a VAE
    # paper (VDSM): weights over the run, as pairs of progress and weight
    config.identity_divergence_loss = {"curve": ((0.0, 0.1), (1 / 3, 1.0))}
    config.pose_divergence_loss = {"curve": ((0.0, 30.0), (0.5, 0.2), (0.8, 0.4), (1.0, 1.0))}
    config.generator_optimizer.learning_rate = 1e-3  # paper (VDSM)
    config.generator_optimizer.b1 = 0.9  # paper (VDSM): Adam's default
    # choice: 1.4 times the median norm of the first 60 steps of `tables:small/vdsm`, which diverges
    # after 330 steps without it
    config.generator_optimizer.clip_norm = 1e5
    return config
