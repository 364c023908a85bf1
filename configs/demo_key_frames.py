"""The first part of the demo's released weights: first and last frame of each clip, as pictures.

    python -m fevgan_jax.main --config=configs/demo_key_frames.py --workdir=runs/key_frames
    python -m fevgan_jax.export --workdir=runs/key_frames --output=$PWD/runs/key_frames_weights

Choice: identity and expressions are learnt from as many faces as possible, and the first and last
frame show both at an eighth of the cost (the generator's gradient: 10 against 83 ms per clip on two
cores). The number of people matters: on 480 people the loss of unseen ones stopped falling after
700 steps, at 0.040, when that of the training's was 0.029; on 1,920 it fell to 0.034, and 1,500
more steps on 4,800 took it to 0.032. The later parts train on 480 people and lose some of that.
The kernels get their time axis when `configs/demo_warmup.py` starts from these weights.
"""

import ml_collections

from fevgan_jax.configs import demo_warmup


def get_config() -> ml_collections.ConfigDict:
    """Returns the key frames' config."""
    config = demo_warmup.get_config()
    config.data.dataset = "synthetic_faces/crowd"  # its clips have two frames
    config.data.clip_shape = (2, 64, 64, 3)
    config.model.generator.key_frames = True
    config.batch_size = 64
    config.num_steps = 1_700
    config.generator_optimizer.learning_rate.init_value = 4e-3
    config.generator_optimizer.learning_rate.decay_steps = 1_700
    return config
