"""A model family: the module that `config.model.name` names, and the defaults of its exports.

A family module exports Linen modules, and optionally:

    Generator.__call__(condition, *, train) -> {"video": [B, T, H, W, 3] in [-1, 1], ...}
    Discriminator.__call__(judged, condition, *, train) -> {head: logits [B, ...]}
    FEATURES            features of the data set that a training batch holds
    SAMPLED             features that a video is sampled from, where those are others: a clip's
    GIVEN               what a video is made for: ("photo", "label"); "landmarks" adds those of the
                        photo, () is noise alone
    augment(batch, keys, **settings)            a training batch with random changes, per row
    condition(batch)    the condition of both modules
    real(batch)         the real data that the outputs are compared with, by the same names
    JUDGED              the output, or outputs, that the discriminator sees: "video"
    to_video(outputs, condition)      the outputs as the video that is shown and evaluated
    GENERATOR_LOSSES, DISCRIMINATOR_LOSSES      loss terms of its own
    make_rule(config, family)         an update rule, by default `training.step.make_rule`
    LOGGED(config)      names of the values that its rule logs

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
    """A family's modules, built from a config, and the functions that a run calls.

    Attributes:
      module: the family's Python module.
      generator: makes the outputs.
      discriminator: judges them; None in a run without a discriminator loss.
      encoder: the frozen net and features of `condition["identity"]`, or None.
      window: frames of a clip that are generated; 0 for all.
      augmentation: settings of the family's `augment`; empty for no augmentation.
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
    def sampled_features(self) -> tuple[str, ...]:
        """The features of the data set that a video is sampled from."""
        return getattr(self.module, "SAMPLED", self.features)

    @property
    def given(self) -> tuple[str, ...]:
        """What a video is made for, of "photo", "landmarks" and "label"; noise alone if empty."""
        return getattr(self.module, "GIVEN", ("photo", "label"))

    @property
    def losses(self) -> dict[str, dict[str, Callable[..., jax.Array]]]:
        """The loss terms that a config may name, by player."""
        return {
            "generator": losses.GENERATOR_LOSSES | getattr(self.module, "GENERATOR_LOSSES", {}),
            "discriminator": losses.DISCRIMINATOR_LOSSES
            | getattr(self.module, "DISCRIMINATOR_LOSSES", {}),
        }

    def examples(self, batch: Batch, keys: jax.Array | None = None) -> Batch:
        """The batch as the family's functions take it.

        Pictures become floats in [-1, 1], `photo` `[B, H, W, 3]` is the first frame of the whole
        clip, and clips are cut to the window.

        Args:
          batch: features `[B, ...]` as they are on disk; uint8 with three channels is a picture.
          keys: `[B]`, to draw each window's start and to augment; None, as in sampling, starts all
            windows at the first frame and does not augment.
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
        """The batch with clips cut to windows that `keys` draw; without keys all start at 0."""
        return clips.window(batch, self.window, keys) if self.window else batch

    def condition(
        self,
        batch: Batch,
        frozen: Mapping[str, Any],
        keys: jax.Array,
        progress: jax.Array | float,
    ) -> Batch:
        """The modules' condition.

        Args:
          batch: from `examples`; `photo` and `label` are enough for a photo-conditioned family.
          frozen: parameters of the frozen nets, by name.
          keys: `[B]`, a PRNG key for each row's noise.
          progress: share of the training that is done, in [0, 1]; 1 in sampling.

        Returns:
          The family's own condition, `key`, `progress` `[B]` and, if the config has an identity
          encoder, `identity` `[B, h, w, D]`, taken from the batch if it is there.
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
        """The real data that the outputs are compared with."""
        return getattr(self.module, "real", inputs.real)(batch)

    def judged(self, outputs: Batch) -> Judged:
        """The discriminator's input from the outputs, or from the real data."""
        names = getattr(self.module, "JUDGED", "video")
        if isinstance(names, str):
            return outputs[names]
        return {name: outputs[name] for name in names}

    def to_video(self, outputs: Batch, condition: Batch) -> jax.Array:
        """The video `[B, T, H, W, 3]` in [-1, 1] by which the outputs are shown."""
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
    """A module with the config's fields, and the number of classes if it has a field for it."""
    fields = {name: _hashable(value) for name, value in config.to_dict().items()}
    if "num_classes" in module.__dataclass_fields__:
        fields = {"num_classes": classes} | fields
    return module(**fields)


def _hashable(value: Any) -> Any:
    """Lists to tuples at any depth: Linen needs tuples, and a config from JSON has lists."""
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value
