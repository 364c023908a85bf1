"""Motion modes on pairs of 128 pixels: the network of 64 pixels, and one level of detail on it.

    python -m fevgan_jax.prepare --dataset=synthetic_faces/pairs128
    python -m fevgan_jax.prepare --dataset=synthetic_faces/size128
    python -m fevgan_jax.main --config=configs/motion_modes_128.py --workdir=runs/motion_modes_128

It starts from the released weights of 64 pixels and trains the level of detail alone. On 72 test
clips of `synthetic_faces/size128` these have PSNR 30.98, SSIM 0.893 and motion 0.738 at once, and
30.91, 0.893 and 0.735 after 400 steps of 16 of 6,912 pairs (six minutes of two cores): so short
a training brings nothing.
"""

import ml_collections

from fevgan_jax.configs import motion_modes


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of motion modes at 128 pixels."""
    config = motion_modes.get_config()
    config.num_steps = 2_400  # choice: an hour or two of two cores
    config.data.dataset = "synthetic_faces/pairs128"
    config.data.shapes = motion_modes.pair_shapes(128)
    config.data.clip_shape = (32, 128, 128, 3)
    config.model.generator.detail = 16  # choice: the width of the network's first level
    config.initial_weights = "motion_modes"
    parts = [f"generator/{part}" for part in _parts(config)]
    config.initial_parts = {part: part for part in parts}
    # choice: trained along, the network is worse for the first hundreds of steps.
    config.freeze = parts
    # choice: twice as large, because neighbours lie half as far apart; `smooth` stays, and allows
    # edges that are twice as sharp.
    config.generator_loss.strain = 600.0
    config.generator_optimizer.learning_rate.decay_steps = config.num_steps
    config.eval.dataset = "synthetic_faces/size128"
    return config


def _parts(config: ml_collections.ConfigDict) -> list[str]:
    """The parts that the network of 64 pixels has (forced: its names)."""
    levels = range(len(config.model.generator.features))
    once = ("stem", "label", "middle", "reads", "shown", "code", "heads", "teeth")
    each = [f"{part}{level}" for level in levels for part in ("down", "half", "up")]
    return ["curves", *(f"fields/{part}" for part in (*once, *each))]
