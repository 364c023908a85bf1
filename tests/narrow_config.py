"""A config file for scripts: a narrow FEV-GAN on `synthetic_faces/tiny`, without frozen nets."""

from tests import experiments


def get_config():
    config = experiments.without_frozen_nets()
    config.data.dataset = "synthetic_faces/tiny"
    config.batch_size, config.num_samples = 8, 2
    config.num_steps, config.checkpoint_every, config.log_every = 20, 10, 1
    config.eval.metrics = ("psnr", "ssim", "motion")
    config.eval.classifier_steps = 0
    return config
