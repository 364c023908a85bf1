r"""The second part of the demo's released weights: whole clips, by reconstruction alone.

    python -m fevgan_jax.main --config=configs/demo_warmup.py --workdir=runs/warmup \
        --config.initial_weights=$PWD/runs/key_frames_weights
    python -m fevgan_jax.export --workdir=runs/warmup --output=$PWD/runs/warmup_weights
    python -m fevgan_jax.main --config=configs/demo.py --workdir=runs/demo \
        --config.initial_weights=$PWD/runs/warmup_weights

Choice: without the discriminator and the identity loss a step costs less, and at first the
reconstruction's gradient is nearly all there is. The batch stays at 16: from the same weights, 4
clips a step stayed above a reconstruction loss of 0.080 for 300 steps, 16 passed 0.072 in 40, for
BatchNorm's statistics of 4 people hide whose skin is light or dark.
"""

from typing import Any

import ml_collections

from fevgan_jax.configs import demo


def get_config() -> ml_collections.ConfigDict:
    """Returns the warm-up's config."""
    config = demo.get_config()
    config.data.dataset = "synthetic_faces/standard"
    config.encode_once = True
    config.num_steps = 1_000
    config.ema_decay = 0.98  # choice: short, for the learning rate decays by itself
    config.generator_loss = {"reconstruction": 100.0}
    config.discriminator_loss = {}
    config.generator_optimizer = muon()
    config.log_every = 20
    return config


def muon() -> dict[str, Any]:
    """Muon with a learning rate that decays to nothing."""
    return {
        "name": "muon",  # choice: on key frames it took a third of Adam's steps
        "learning_rate": {
            "name": "cosine_decay_schedule",
            "init_value": 2e-3,
            "decay_steps": 1_000,
        },
    }
