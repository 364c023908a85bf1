"""The first part of the demo's released weights: the generator learns by reconstruction alone.

    python -m fevgan_jax.main --config=configs/demo_warmup.py --workdir=runs/warmup
    python -m fevgan_jax.released --workdir=runs/warmup --output=$PWD/runs/warm
    python -m fevgan_jax.main --config=configs/demo.py --config.initial_weights=$PWD/runs/warm ...

Choice: without the discriminator and the identity loss a step costs less, and at first the
reconstruction's gradient is nearly all there is. The batch stays at 16: from the same weights, 4
clips a step stayed above a reconstruction loss of 0.080 for 300 steps, 16 passed 0.072 in 40, for
BatchNorm's statistics of 4 people hide whose skin is light or dark.
"""

import ml_collections

from fevgan_jax.configs import demo


def get_config() -> ml_collections.ConfigDict:
    """Returns the warm-up's config."""
    config = demo.get_config()
    config.data.dataset = "synthetic_faces/standard"
    config.num_steps = 2_000
    config.generator_loss = ml_collections.ConfigDict({"reconstruction": 100.0})
    config.discriminator_loss = ml_collections.ConfigDict()
    config.generator_optimizer.learning_rate = 1.5e-3  # choice: a regression bears more than a
    config.generator_optimizer.b1 = 0.9  # game of two, and needs no short memory
    return config
