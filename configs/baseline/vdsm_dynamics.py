r"""VDSM (Vowels et al. 2021) on MUG, stage 2: the dynamics of the poses.

    python -m fevgan_jax.export --workdir=runs/vdsm --output=weights/vdsm
    python -m fevgan_jax.main --config=configs/baseline/vdsm_dynamics.py \
        --workdir=runs/vdsm_dynamics --config.initial_weights=$PWD/weights/vdsm

No run of this config has been measured.
"""

import ml_collections

from fevgan_jax.configs.baseline import vdsm


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of VDSM's second stage."""
    config = vdsm.get_config()
    config.model.generator.stage = 2
    config.freeze = ("generator/encoder", "generator/decoder")  # paper (VDSM)
    parts = (*config.freeze, "generator/identity_mean", "generator/identity_scale")
    config.initial_parts = {part: part for part in parts}
    config.generator_loss.dynamics_divergence = 1.0  # paper (VDSM)
    # paper (VDSM): weights over the run, as pairs of progress and weight
    config.dynamics_divergence_loss = {"curve": ((0.0, 0.1), (1.0, 1.0))}
    config.pose_divergence_loss.curve = ((0.0, 0.1), (0.5, 0.4), (0.8, 0.4), (1.0, 1.0))
    return config
