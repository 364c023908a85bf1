"""Motion modes on pairs of 128 pixels: one level more around the same network.

    python -m fevgan_jax.prepare --dataset=synthetic_faces/pairs128
    python -m fevgan_jax.prepare --dataset=synthetic_faces/size128
    python -m fevgan_jax.main --config=configs/motion_modes_128.py --workdir=runs/motion_modes_128

No figure has been measured.
"""

import ml_collections

from fevgan_jax.configs import motion_modes


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of motion modes at 128 pixels."""
    config = motion_modes.get_config()
    config.data.dataset = "synthetic_faces/pairs128"
    config.data.shapes = motion_modes.pair_shapes(128)
    config.data.clip_shape = (32, 128, 128, 3)
    config.model.generator.features = (16, 16, 32, 64, 128)
    config.eval.dataset = "synthetic_faces/size128"
    return config
