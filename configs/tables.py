r"""Every system of the paper's comparison on rendered faces, for the same number of clips seen.

    python -m fevgan_jax.tables --size=small --output=runs/tables

trains all of them, one after another or `--jobs=N` at once, and compares them; `make tables` calls
it. One alone:

    python -m fevgan_jax.main --config=configs/tables.py:small/fevgan --workdir=runs/fevgan

`full` has the widths and batches of each system's own config, which 1, 2 or 4 devices share;
`small` is for two CPU cores. Both take VGG-16 and dlib's net, which pip installs, where the paper
has VGG-Face and OpenFace.
"""

import importlib

import ml_collections

from fevgan_jax.configs import base
from fevgan_jax.runtime.errors import UserError

RUNS = {
    "fevgan": "mug",
    "without_spatial_encoder": "ablation.without_spatial_encoder",
    "without_identity_encoder": "ablation.without_identity_encoder",
    "motion_modes": "motion_modes",
    "cvgan": "baseline.cvgan",
    "mocogan": "baseline.mocogan",
    "imaginator": "baseline.imaginator",
    "vgan": "baseline.vgan",
    "motiongan": "baseline.motiongan",
    "texturegan": "baseline.texturegan",
    "vdsm": "baseline.vdsm",
    "vdsm_dynamics": "baseline.vdsm_dynamics",
    "g3an": "baseline.g3an",
    "rvgan": "baseline.rvgan",
}
"""Run -> its config, in the order of the tables."""

TITLES = {
    "fevgan": "FEV-GAN",
    "without_spatial_encoder": "without E_s",
    "without_identity_encoder": "without E_id",
    "motion_modes": "motion modes",
    "cvgan": "C-VGAN",
    "mocogan": "MoCoGAN",
    "imaginator": "ImaGINator",
    "vgan": "VGAN",
    "texturegan": "MotionGAN",
    "vdsm_dynamics": "VDSM",
    "g3an": "G3AN",
    "rvgan": "RV-GAN",
}
"""Run -> the system's name, for the runs that are compared."""

STARTS_FROM = {"texturegan": "motiongan", "vdsm_dynamics": "vdsm"}
"""The second stage of a system -> its first."""

DATASETS = {"motion_modes": "synthetic_faces/pairs"}
"""Run -> what it learns from, where that is not the clips of `synthetic_faces/standard`."""

_HALF_RATE = tuple(round(31 * i / 15) for i in range(16))
"""The frames of a clip that systems of 16 frames learn: all of the expression at half the rate
(choice: a window of 16, as they were published with, would end in the middle of it)."""

CLIPS = {"small": 9_600, "full": 960_000}
"""Clips that each training sees, or pairs where it learns from these; choice: `full` is the paper's
60,000 steps of 16, `small` what two CPU cores do for all systems in some hours."""

_BATCH = dict.fromkeys(RUNS, 16) | dict.fromkeys(("cvgan", "mocogan", "g3an", "rvgan"), 4)
"""Clips a step of `small`, by run (choice: four times the steps for the same clips where nothing
but discriminators says how the videos should look; not for VGAN, whose clips flicker then)."""

_FASTER = dict.fromkeys(RUNS, 4)
_FASTER |= {"cvgan": 2, "mocogan": 2} | dict.fromkeys(("vgan", "g3an", "rvgan"), 1)
_FASTEST = 1e-3
"""How much higher the learning rates of `small` are, by run, and to where (choice: for 600 steps of
narrow models, or 2,400 of 4 clips; not for those of noise alone: RV-GAN's discriminators then
answer the same for every clip after 200 steps of 16, and VGAN's know all of them after 900)."""

_JUDGES = (8, 16, 32, 64)
_FEVGAN = {
    "generator.encoder_features": (16, 32, 64, 128),
    "generator.decoder_features": (128, 64, 32, 16),
    "discriminator.features": _JUDGES,
}
_MOTIONGAN = {"generator.features": (128, 64, 32)}
_VDSM = {"generator.decoder_features": (64, 32, 16, 8), "generator.hidden": 128}
NARROW = {
    "fevgan": _FEVGAN,
    "without_spatial_encoder": _FEVGAN | {"generator.encoder_features": ()},
    "without_identity_encoder": _FEVGAN,
    "motion_modes": {},
    "cvgan": {
        "generator.encoder_features": (16, 32, 64, 128),
        "generator.features": (128, 64, 32, 16),
        # choice: with half of it, videos flicker half as much again
        "discriminator.features": (16, 32, 64, 128),
    },
    "imaginator": {
        "generator.encoder_features": (16, 32, 64, 128),
        "generator.noise": 64,
        "generator.middle_features": (512, 384, 192, 96, 12),
        "generator.decoder_features": (128, 64, 32, 16),
        "discriminator.features": _JUDGES,
    },
    "motiongan": _MOTIONGAN,
    "texturegan": {
        "generator.motion_features": _MOTIONGAN["generator.features"],
        "generator.encoder_features": (16, 32, 64, 128, 128, 128),
        "generator.decoder_features": (128, 128, 64, 32, 16),
        "discriminator.features": (16, 32, 64),
    },
    "vdsm": _VDSM,
    "vdsm_dynamics": _VDSM,
    "mocogan": {
        "generator.features": (128, 64, 32, 16),
        "discriminator.image_features": (16, 32, 64),
        "discriminator.video_features": _JUDGES,
    },
    "vgan": {"generator.features": (128, 64, 32, 16), "discriminator.features": _JUDGES},
    "g3an": {
        "generator.features": (64, 64, 32, 32, 16),
        "generator.attention_after": 2,  # over 16 x 16 positions, a sixteenth of the products
        "discriminator.features": _JUDGES,
    },
    "rvgan": {"generator.features": (64, 64, 32, 16, 8), "discriminator.features": _JUDGES},
}
"""Run -> the fields of its model that `small` sets: a quarter to an eighth of the widths."""


def get_config(run: str = "small/fevgan") -> ml_collections.ConfigDict:
    """Returns the config of one run.

    Args:
      run: size and name, such as `small/fevgan`.

    Raises:
      UserError: there is no such run.
    """
    size, _, name = run.partition("/")
    if size not in CLIPS or name not in RUNS:
        raise UserError(
            f"there is no run {run!r}: give configs/tables.py:SIZE/RUN, with one of "
            f"{', '.join(CLIPS)} and one of {', '.join(RUNS)}."
        )
    config = importlib.import_module(f"fevgan_jax.configs.{RUNS[name]}").get_config()
    if size == "small":
        # choice: a critic's steps share a batch, so that every step sees as many clips
        config.batch_size = _BATCH[name] // config.rule.critic_steps
        for field, value in NARROW[name].items():
            player, _, width = field.partition(".")
            config.model[player][width] = value
        config.identity_loss.frames = config.identity_loss.frames[-1:]  # choice: the apex alone
        config.log_every, config.checkpoint_every = 20, 100
    config.data.dataset = DATASETS.get(name, "synthetic_faces/standard")
    if config.data.window:
        config.data.window, config.data.frames = 0, _HALF_RATE
    for section in (config.model, config.identity_loss):
        for field in ("identity_encoder", "encoder"):
            if section.get(field):
                section[field] = base.vgg16()  # choice: VGG-Face does not come with pip
    config.num_steps = CLIPS[size] // config.batch_size // config.rule.critic_steps
    config.ema_decay = 0.99  # choice: the same for all
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        rate = optimizer.learning_rate
        if isinstance(rate, ml_collections.ConfigDict):  # a schedule, which ends with the training
            rate.decay_steps = config.num_steps
        elif size == "small":
            optimizer.learning_rate = min(_FASTER[name] * rate, _FASTEST)

    config.eval = base.get_config().eval
    config.eval.dataset = "synthetic_faces/standard"
    config.eval.metrics += ("jitter", "frechet_face")
    config.eval.embedder.name = "dlib_resnet"  # choice: pip installs it; no loss here optimises it
    config.eval.classifier_steps = 400
    if size == "small":
        config.eval.max_clips = 72  # choice: two cores take about a second a clip
    else:  # choice: not in `small`, because their nets take several seconds a clip on a CPU
        config.eval.metrics += ("lpips", "fvd")
    return config
