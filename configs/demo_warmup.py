"""The first part of the demo's released weights: the generator learns by reconstruction alone.

    python -m fevgan_jax.main --config=configs/demo_warmup.py --workdir=runs/warmup
    python -m fevgan_jax.released --workdir=runs/warmup --output=$PWD/runs/warm
    python -m fevgan_jax.main --config=configs/demo.py --config.initial_weights=$PWD/runs/warm ...

Choice: without the discriminator and the identity loss a step costs a third, and at first the
reconstruction's gradient is nearly all there is.
"""

import ml_collections

from fevgan_jax.configs import demo


def get_config() -> ml_collections.ConfigDict:
    """Returns the warm-up's config."""
    config = demo.get_config()
    config.data.dataset = "synthetic_faces/standard"
    config.batch_size = 4  # choice: early on, steps count for more than their noise
    config.num_steps = 10_000
    config.generator_loss = ml_collections.ConfigDict({"reconstruction": 100.0})
    config.discriminator_loss = ml_collections.ConfigDict()
    config.generator_optimizer.learning_rate = 6e-4
    return config
