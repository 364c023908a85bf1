"""A model family: the module that `config.model.name` names, and what holds where it is silent.

A family module exports Linen modules and may say more about itself:

    Generator.__call__(condition, *, train) -> {"video": [B, T, H, W, 3] in [-1, 1], ...}
    Discriminator.__call__(judged, condition, *, train) -> {head: logits [B, ...]}
    FEATURES            features of the data set that a training batch holds
    augment(batch, keys, **settings)            a training batch, changed at random row by row
    condition(batch)    what both modules are given
    real(batch)         what the outputs are compared with, by the same names
    JUDGED              the output, or outputs, that the discriminator sees: "video"
    to_video(outputs, condition)      the outputs as the video that is shown and evaluated
    GENERATOR_LOSSES, DISCRIMINATOR_LOSSES      loss terms of its own
    make_rule(config, family)         an update rule of its own, see `training.rules`
    LOGGED(config)      names of the values that its own rule logs

`models.inputs` holds the defaults of the functions.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from fevgan_jax import recognizers
from fevgan_jax.data import clips
from fevgan_jax.models import inputs
from fevgan_jax.training import losses

Batch = dict[str, jax.Array]
Judged = jax.Array | dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Family:
    """A family's modules, built from a config, and its answers to what a run asks of it.

    Attributes:
      module: the family's Python module.
      generator: makes the outputs.
      discriminator: judges them; None in a run without a loss for it.
      encoder: the frozen net and features of `condition["identity"]`, or None.
      window: frames of a clip that are generated; 0 for all.
      augmentation: settings of the family's `augment`; empty to train on the batch as it is.
      class_names: the data set's expressions.
    """

    module: ModuleType
    generator: nn.Module
    discriminator: nn.Module | None
    encoder: Mapping[str, str] | None
    window: int
    augmentation: Mapping[str, Any]
    class_names: tuple[str, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The features of the data set that a training batch holds."""
        return getattr(self.module, "FEATURES", inputs.FEATURES)

    @property
    def losses(self) -> dict[str, dict[str, Callable[..., jax.Array]]]:
        """The loss terms that a config may name, by player."""
        return {
            "generator": losses.GENERATOR_LOSSES | getattr(self.module, "GENERATOR_LOSSES", {}),
            "discriminator": losses.DISCRIMINATOR_LOSSES
            | getattr(self.module, "DISCRIMINATOR_LOSSES", {}),
        }

    def examples(self, batch: Batch, keys: jax.Array | None = None) -> Batch:
        """The batch as the family sees it.

        Pictures become floats in [-1, 1], `photo` `[B, H, W, 3]` is the first frame of the whole
        clip, and clips are cut to the window.

        Args:
          batch: features `[B, ...]` as they are on disk; uint8 with three channels is a picture.
          keys: `[B]`, to draw where each window starts and to augment; None for neither, as in
            sampling, where all windows start at the first frame.
        """
        batch = {
            name: inputs.to_signed(array) if _is_picture(array) else array
            for name, array in batch.items()
        }
        if "video" in batch:
            batch = {"photo": batch["video"][:, 0]} | batch
        if keys is not None and self.augmentation:
            batch = self.module.augment(batch, keys, **self.augmentation)
        return self.windows(batch, keys)

    def windows(self, batch: Batch, keys: jax.Array | None = None) -> Batch:
        """The batch with clips cut to the window, which `keys` draw; all start at 0 without."""
        return clips.window(batch, self.window, keys) if self.window else batch

    def condition(
        self,
        batch: Batch,
        frozen: Mapping[str, Any],
        keys: jax.Array,
        progress: jax.Array | float,
    ) -> Batch:
        """What the modules are given.

        Args:
          batch: from `examples`; `photo` and `label` are enough for a photo-conditioned family.
          frozen: parameters of the frozen nets, by name.
          keys: `[B]`, a PRNG key for each row's noise.
          progress: how much of the training is done, in [0, 1]; 1 to sample.

        Returns:
          The family's own condition, `key`, `progress` `[B]` and, where the config has an identity
          encoder, `identity` `[B, h, w, D]`: the batch's, where that knows it already.
        """
        condition = getattr(self.module, "condition", inputs.condition)(batch)
        if self.encoder:
            identity = batch.get("identity")
            if identity is None:
                identity = recognizers.encode(self.encoder, frozen, condition["image"])
            condition["identity"] = identity
        progress = jnp.full(keys.shape, progress, jnp.float32)
        return condition | {"key": keys, "progress": progress}

    def real(self, batch: Batch) -> Batch:
        """What the outputs are compared with."""
        return getattr(self.module, "real", inputs.real)(batch)

    def judged(self, outputs: Batch) -> Judged:
        """What the discriminator sees of the outputs, or of what is real."""
        names = getattr(self.module, "JUDGED", "video")
        if isinstance(names, str):
            return outputs[names]
        return {name: outputs[name] for name in names}

    def to_video(self, outputs: Batch, condition: Batch) -> jax.Array:
        """The video `[B, T, H, W, 3]` in [-1, 1] that the outputs are shown as."""
        return getattr(self.module, "to_video", inputs.to_video)(outputs, condition)


def build_family(config: ml_collections.ConfigDict) -> Family:
    """Builds the modules of `config.model` for the classes of `config.data`."""
    module = importlib.import_module(config.model.name)
    classes = tuple(config.data.class_names)
    encoder = config.model.identity_encoder
    return Family(
        module=module,
        generator=_build(module.Generator, config.model.generator, len(classes)),
        discriminator=(
            _build(module.Discriminator, config.model.discriminator, len(classes))
            if config.discriminator_loss
            else None
        ),
        encoder=encoder and encoder.to_dict(),
        window=config.data.window,
        augmentation=config.augmentation.to_dict(),
        class_names=classes,
    )


def frozen_encoders(config: ml_collections.ConfigDict) -> list[dict[str, str]]:
    """The frozen nets that the step of this config runs, each with the features it takes."""
    encoders = [config.model.identity_encoder]
    encoders += [config.get(f"{term}_loss", {}).get("encoder") for term in config.generator_loss]
    return [encoder.to_dict() for encoder in encoders if encoder]


def _is_picture(array: jax.Array) -> bool:
    return array.dtype == jnp.uint8 and array.shape[-1] == 3


def _build(module: type[nn.Module], config: ml_collections.ConfigDict, classes: int) -> nn.Module:
    """A module with the config's fields; it is told the number of classes if it asks."""
    fields = {name: _hashable(value) for name, value in config.to_dict().items()}
    if "num_classes" in module.__dataclass_fields__:
        fields = {"num_classes": classes} | fields
    return module(**fields)


def _hashable(value: Any) -> Any:
    """A config read from JSON has lists where Linen wants tuples, at any depth."""
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
