"""Configs of earlier versions of this package, brought to the fields of this one.

A field that a version added has here the value that stands for what earlier versions did, whatever
the base config gives to new experiments.
"""

from typing import Any

from fevgan_jax.runtime.errors import UserError

VERSION = 4
"""What `config.json` holds as `version`; a file without it is of version 1."""

_ADDED: dict[int, dict[str, Any]] = {
    2: {
        "microbatches": 1,
        "compute_dtype": "float32",
        "remat": False,
        "ema_decay": 0.0,
        "initial_weights": "",
        "initial_parts": {},
        "freeze": (),
        "encode_once": False,
        "data.on_device": False,
        "data.cache_gib": 2.0,
        "data.version": "",
        "data.fingerprint": "",
        "data.shapes": {},
        "data.window": 0,
        "data.frames": (),
        "augmentation": {},
        "rule.order": "simultaneous",
        "rule.critic_steps": 1,
        "rule.fresh_fakes": False,
        "checkpoint_minutes": 0.0,
        "eval.dataset": "",
        "eval.classifier_steps": 0,
        "eval.seed": 0,
    },
    3: {},
    4: {
        "perceptual_loss.encoder.name": "vgg16",
        "perceptual_loss.encoder.features": "conv3_3",
        "perceptual_loss.frames": [],
        "perceptual_loss.norm": "l1",
    },
}
"""By version, the fields it added."""


def upgrade(config: dict[str, Any]) -> None:
    """Brings the content of a `config.json` to this version, in place.

    Raises:
      UserError: it is of a later version.
    """
    version = config.pop("version", 1)
    if version > VERSION:
        raise UserError(
            f"this run's config.json is of version {version}, and this package knows {VERSION} at "
            "most: update the package."
        )
    for added_by in range(version + 1, VERSION + 1):
        for path, value in _ADDED[added_by].items():
            *sections, name = path.split(".")
            section = config
            for parent in sections:
                section = section.setdefault(parent, {})
            section.setdefault(name, value)
    shapes = config["data"]["shapes"]
    if version < 3 and "visible" in shapes:
        # Pairs did not say what a mouth shows, which is asked of every batch of them now.
        height, width, _ = shapes["visible"][0]
        shapes["mouth"] = [[height, width, 1], "uint8"]
        shapes["tooth"] = [[height, width, 2], "float16"]
    # One field of version 1 asked for both masked metrics.
    if version == 1 and config["eval"].pop("masked", False):
        asked = config["eval"]["metrics"]
        asked += [f"{name}_face" for name in ("psnr", "ssim") if name in asked]
