"""The second step of Otberdout et al. 2019 on MUG: a photo and landmarks to pictures.

python -m fevgan_jax.export --workdir=runs/motiongan --output=weights/motiongan
python -m fevgan_jax.main --config=configs/baseline/texturegan.py --workdir=runs/texturegan \
  --config.initial_weights=$PWD/weights/motiongan

No figure has been measured on MUG.
"""

import ml_collections

from fevgan_jax.configs import base
from fevgan_jax.configs.baseline import _gan


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of the texture step."""
    config = _gan.get_config("texturegan")
    config.augmentation.frames = 1  # choice: one random frame of each clip
    config.initial_parts = {"generator/motion": "generator"}  # forced: step 1's generator
    config.freeze = ("generator/motion",)  # forced: landmarks come from it as it was trained
    # choice: pix2pix's two terms, and FEV-GAN's identity term, which the paper has too
    config.generator_loss = {"adversarial": 1.0, "reconstruction": 100.0, "identity": 1.0}
    config.identity_loss = {"encoder": base.vgg_face(), "frames": (0,), "norm": "l1"}
    return config
