"""A config file for commands that tests start: `tests/tiny_family.py` on `tests/tiny_clips.py`."""

from fevgan_jax.configs import base
from tests import tiny_clips


def get_config():
    config = base.get_config()
    config.data.dataset = "tiny_clips/demo"
    config.data.class_names = tiny_clips.CLASSES
    config.data.clip_shape = (tiny_clips.FRAMES, tiny_clips.SIZE, tiny_clips.SIZE, 3)
    config.model = {"name": "tests.tiny_family", "identity_encoder": None}
    config.model.generator, config.model.discriminator = {}, {}
    del config.generator_loss.identity
    config.ema_decay = 0.9
    config.batch_size, config.num_samples = 8, 2
    config.num_steps, config.log_every, config.checkpoint_every = 20, 1, 5
    config.eval.batch_size = 4
    config.eval.metrics = ("psnr", "ssim")
    return config
