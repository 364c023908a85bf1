"""Motion modes: a photo and face units to flow fields, learnt from rendered pairs.

    python -m fevgan_jax.prepare --dataset=synthetic_faces/pairs
    python -m fevgan_jax.prepare --dataset=synthetic_faces/standard
    python -m fevgan_jax.main --config=configs/motion_modes.py --workdir=runs/motion_modes

The released weights reach PSNR 32.40, SSIM 0.917 and motion 0.779 on the 144 test clips of
`synthetic_faces/demo` 2.4.0, where the repeated input photo has 26.83, 0.715 and 0.

Not a system of the paper: every field here is a choice. It needs no weights but those that pip
installs. `adversarial`, `perceptual` and `identity` can be added to the losses, such as
`--config.generator_loss.identity=20`.
"""

import ml_collections

from fevgan_jax.configs import base


def get_config() -> ml_collections.ConfigDict:
    """Returns the config of motion modes on 64-pixel pairs."""
    config = base.get_config()
    config.batch_size = 32  # choice: larger batches are no faster per pair on two cores
    config.num_steps = 12_000  # choice: some hours of two cores
    config.ema_decay = 0.995  # choice: replaces a lower final learning rate
    config.data.dataset = "synthetic_faces/pairs"
    config.data.shapes = pair_shapes(64)

    config.model.name = "fevgan_jax.models.motion_modes"
    config.model.identity_encoder = None  # choice: the output is made of the photo's own pixels
    config.model.generator = ml_collections.ConfigDict()
    config.model.generator.features = (16, 32, 64, 128)  # choice: 2 million parameters
    config.model.generator.modes = 4  # choice: a few flow fields per target; six were no better
    config.model.generator.teeth = 24  # choice: half as wide again as the last layer
    # choice: all paint is let through from a tenth of the way on, where |a|^2 is 1e-4. With 12
    # only 0.6 came through at the end, and the photo's lips were seen through painted teeth.
    config.model.generator.gate = 20_000.0
    config.model.discriminator = ml_collections.ConfigDict()
    config.model.discriminator.features = (32, 64, 128)  # choice: patches of 22 pixels

    # Weights (choice): every term has a similar share of the gradient early in training.
    config.generator_loss = {}
    config.generator_loss.flow = 150.0  # in shares of the side: 0.01 is a large error
    config.generator_loss.reconstruction = 10.0
    config.generator_loss.moved = 2.0
    config.generator_loss.hidden = 3.0
    config.generator_loss.mask = 3.0  # what the photo shows is moved, not painted
    config.generator_loss.smooth = 10.0
    config.generator_loss.strain = 300.0
    config.generator_loss.teeth = 0.3
    config.generator_loss.shown = 8.0
    # choice: eyes are small and move by a pixel, and tell most of what a face says
    for term in ("flow", "moved", "strain"):
        config[f"{term}_loss"] = {"focus": 8.0}
    config.discriminator_loss = {}  # choice: none is needed
    config.identity_loss.frames = (0,)  # forced: a pair has one picture

    # The same change for both pictures of a pair; every field is a choice.
    config.augmentation = ml_collections.ConfigDict()
    config.augmentation.mirror = 0.5
    config.augmentation.gamma = (0.65, 1.5)  # photos vary in light more than the rendered heads
    config.augmentation.gain = (0.7, 1.3)  # a channel: the colour of the light
    config.augmentation.saturation = (0.2, 1.3)  # down to nearly grey
    config.augmentation.shade = 0.2  # light from one side

    config.generator_optimizer = {}
    config.generator_optimizer.name = "adam"
    config.generator_optimizer.b1 = 0.9  # choice: Adam's default, without a second player
    config.generator_optimizer.b2 = 0.99  # choice: for the short schedule
    config.generator_optimizer.clip_norm = 1.0  # choice: a rare pair hides half of the face
    rate = config.generator_optimizer.learning_rate = ml_collections.ConfigDict()
    rate.name = "warmup_cosine_decay_schedule"
    rate.init_value = 3e-5  # choice
    rate.peak_value = 1.5e-3  # choice
    rate.warmup_steps = 50  # choice
    rate.decay_steps = config.num_steps
    rate.end_value = 3e-5  # choice

    config.eval.dataset = "synthetic_faces/standard"  # choice: clips by their labels
    # choice: a face recogniser that pip installs (extra `[faces]`)
    config.eval.embedder.name = "dlib_resnet"
    config.eval.classifier_steps = 400
    return config


def pair_shapes(side: int) -> ml_collections.ConfigDict:
    """Shapes and kinds of a pair's features at one size (forced: the data set's)."""
    return ml_collections.ConfigDict(
        {
            "picture": ((side, side, 3), "uint8"),
            "flow": ((side, side, 2), "float16"),
            "visible": ((side, side, 1), "uint8"),
            "mask": ((side, side, 1), "uint8"),
            "mouth": ((side, side, 1), "uint8"),
            "tooth": ((side, side, 2), "float16"),
            "units": ((56,), "float32"),
            "shown": ((52,), "float32"),
            "path": ((), "float32"),
        }
    )
