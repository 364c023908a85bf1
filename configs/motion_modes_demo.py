"""A few minutes of motion modes on two CPU cores, from the released weights: `make demo`.

    python -m fevgan_jax.demo --config=configs/motion_modes_demo.py

`--config.initial_weights=` starts from drawn weights instead.
"""

import ml_collections

from fevgan_jax.configs import motion_modes


def get_config() -> ml_collections.ConfigDict:
    """Returns the demo's config."""
    config = motion_modes.get_config()
    config.data.dataset = "synthetic_faces/pairs_demo"
    config.initial_weights = "motion_modes"
    config.num_steps = 100  # choice: a minute or two
    config.ema_decay = 0.99  # choice: for as few steps
    config.generator_optimizer.learning_rate.peak_value = 1e-4  # choice: the weights are trained
    config.generator_optimizer.learning_rate.warmup_steps = 10
    config.generator_optimizer.learning_rate.decay_steps = config.num_steps
    config.log_every = 10
    config.eval.dataset = "synthetic_faces/demo"
    config.eval.max_clips = 60  # choice: a balanced sample, for speed
    return config
