r"""The second part of the demo's released weights: whole clips, by reconstruction alone.

    python -m fevgan_jax.main --config=configs/demo_warmup.py --workdir=runs/warmup \
        --config.initial_weights=$PWD/runs/key_frames_weights
    python -m fevgan_jax.export --workdir=runs/warmup --output=$PWD/runs/warmup_weights
    python -m fevgan_jax.main --config=configs/demo.py --workdir=runs/demo \
        --config.initial_weights=$PWD/runs/warmup_weights

Choice: without the discriminator and the identity loss a step costs less, and in the first steps
the reconstruction's gradient dominates. The batch is 16: from the same weights, batches of 4 clips
stayed above a reconstruction loss of 0.080 for 300 steps, batches of 16 fell below 0.072 in 40,
because BatchNorm's normalisation over 4 people hides differences of skin colour.
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
    config.ema_decay = 0.98  # choice: short, because the learning rate decays
    config.generator_loss = {"reconstruction": 100.0}
    config.discriminator_loss = {}
    config.generator_optimizer = muon()
    config.log_every = 20
    return config


def muon() -> dict[str, Any]:
    """Muon with a learning rate that decays to 0."""
    return {
        "name": "muon",  # choice: on key frames it took a third of Adam's steps
        "learning_rate": {
            "name": "cosine_decay_schedule",
            "init_value": 2e-3,
            "decay_steps": 1_000,
        },
    }
