"""Motion modes on one's own clips (or MUG, Oulu-CASIA): presets and courses of labels are learnt.

    python -m fevgan_jax.prepare --dataset=clip_folder/own --raw_dir=CLIPS
    python -m fevgan_jax.main --config=configs/motion_modes_own.py --workdir=runs/own
    python -m fevgan_jax.generate --workdir=runs/own --photo=me.jpg --output=out

It starts from the released motion modes. A set whose labels are not the six expressions names in
`--config.model.generator.start` which expression each label starts from. A config of one's own may
add `adversarial` to both losses: frames and clips are judged. Its weight in the generator's should
be about 0.01: on 54 clips 0.1 made the faces move less. No figure has been measured on real clips.
"""

import ml_collections

from fevgan_jax.configs import motion_modes


def get_config() -> ml_collections.ConfigDict:
    """Returns the config for clips without face units."""
    config = motion_modes.get_config()
    config.data.dataset = "clip_folder/own"
    config.data.shapes = ml_collections.ConfigDict()
    config.eval.dataset = ""
    config.model.name = "fevgan_jax.models.motion_modes_own"
    config.model.discriminator.video_features = (16, 32, 64, 128)  # choice: a quarter of FEV-GAN's
    config.initial_weights = "motion_modes"
    config.initial_parts = {
        part: part for part in ("generator/fields", "generator/curves")
    }  # forced: presets and courses start as the rendered ones
    config.batch_size = 4  # choice: of 32 frames each
    config.num_steps = 2_000  # choice: an hour or two on two cores
    config.augmentation = {}  # choice: clips show their own light
    config.generator_loss = {}
    del config.flow_loss, config.moved_loss, config.strain_loss
    config.generator_loss.reconstruction = 10.0  # choice: motion_modes' weight
    config.generator_loss.smooth = 10.0  # choice: motion_modes' weight
    config.generator_loss.drift = 1.0  # choice: presets stay near what the fields know
    config.generator_loss.paint = 0.1  # choice: moves pixels where it can
    config.generator_optimizer.learning_rate = 1e-4  # choice: the fields are trained already
    return config
