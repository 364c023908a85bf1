"""What a step needs and changes: two players, their optimizers, one key."""

import importlib
from types import ModuleType
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
from clu import metrics as clu_metrics

from fevgan_jax import recognizers
from fevgan_jax.training.optimizers import make_optimizer


@flax.struct.dataclass
class Weights:
    """Parameters and BatchNorm averages of a network."""

    params: Any
    statistics: Any


@flax.struct.dataclass
class Player(Weights):
    """One of the two networks in training: its weights and its optimizer's state."""

    optimizer: Any


@flax.struct.dataclass
class TrainState:
    """All that a checkpoint holds; read only to sample, it lacks what that does not need.

    Attributes:
      step: steps taken so far, int32.
      key: the run's one PRNG key; step s draws from `fold_in(key, s)`.
      generator: the generator.
      discriminator: the discriminator, empty in a run without a loss for it.
      average: the generator's moving averages, or None.
      metrics: running averages since the last line of metrics, so that a resumed run writes
        the line an undisturbed one does.
      failed_step: the first step whose losses were not finite, or -1.
    """

    step: jax.Array
    key: jax.Array
    generator: Player | Weights | None = None
    discriminator: Player | None = None
    average: Weights | None = None
    metrics: Any = None
    failed_step: jax.Array | None = None


@flax.struct.dataclass
class Networks:
    """The two modules of a family, built from a config, and the family they come from."""

    family: ModuleType = flax.struct.field(pytree_node=False)
    generator: nn.Module = flax.struct.field(pytree_node=False)
    discriminator: nn.Module = flax.struct.field(pytree_node=False)


def build_networks(config: ml_collections.ConfigDict) -> Networks:
    """Builds the modules of `config.model` for the classes of `config.data`."""
    family = importlib.import_module(config.model.name)
    num_classes = len(config.data.class_names)
    return Networks(
        family=family,
        generator=family.Generator(num_classes=num_classes, **_fields(config.model.generator)),
        discriminator=family.Discriminator(
            num_classes=num_classes, **_fields(config.model.discriminator)
        ),
    )


def frozen_encoders(config: ml_collections.ConfigDict) -> list[dict[str, str]]:
    """The frozen nets that the step of this config runs, each with the features it takes."""
    encoders = [config.model.identity_encoder]
    encoders += [config.get(f"{term}_loss", {}).get("encoder") for term in config.generator_loss]
    return [encoder.to_dict() for encoder in encoders if encoder]


def make_condition(
    config: ml_collections.ConfigDict,
    frozen: dict[str, Any],
    image: jax.Array,
    label: jax.Array,
    identity: jax.Array | None = None,
) -> dict[str, jax.Array]:
    """What the generator is given.

    Args:
      config: the experiment.
      frozen: parameters of the frozen nets, by name.
      image: neutral faces `[B, H, W, C]` in [-1, 1].
      label: `[B]` int32.
      identity: the images' features, where they are known already.

    Returns:
      `image`, `label` and, when the config has an identity encoder, `identity` `[B, h, w, D]`.
    """
    condition = {"image": image, "label": label}
    if config.model.identity_encoder:
        if identity is None:
            identity = recognizers.encode(config.model.identity_encoder, frozen, image)
        condition["identity"] = identity
    return condition


def init_state(
    config: ml_collections.ConfigDict,
    networks: Networks,
    metrics: type[clu_metrics.Collection],
    clip_shape: tuple[int, int, int, int],
    sampling_only: bool = False,
) -> TrainState:
    """Draws both networks and empties their optimizers; pure, so it can run under jit.

    Args:
      config: the experiment.
      networks: its modules.
      metrics: the collection whose averages the state carries.
      clip_shape: `(T, H, W, C)` of one clip.
      sampling_only: leave out what is not needed to sample.
    """
    key, generator_key, discriminator_key, noise_key = jax.random.split(
        jax.random.key(config.seed), 4
    )
    video = jnp.zeros((1, *clip_shape))
    encoder, image = config.model.identity_encoder, video[:, 0]
    identity = jnp.zeros(recognizers.encoded_shape(encoder, image.shape)) if encoder else None
    condition = make_condition(config, {}, image, jnp.zeros(1, jnp.int32), identity)
    streams = {"noise": noise_key, "frame": noise_key}
    generator = _draw(networks.generator, generator_key, streams, condition)
    state = TrainState(step=jnp.zeros((), jnp.int32), key=key)
    if config.ema_decay:
        state = state.replace(average=generator)
    if sampling_only:
        return state if state.average else state.replace(generator=generator)
    discriminator = Player({}, {}, {})
    if config.discriminator_loss:
        weights = _draw(networks.discriminator, discriminator_key, streams, video, condition)
        discriminator = _with_optimizer(weights, config.discriminator_optimizer)
    return state.replace(
        generator=_with_optimizer(generator, config.generator_optimizer),
        discriminator=discriminator,
        metrics=metrics.empty(),
        failed_step=jnp.full((), -1, jnp.int32),
    )


def sampling_variables(state: TrainState) -> dict[str, Any]:
    """The generator's variables to sample with: the moving averages where they are kept."""
    weights = state.average or state.generator
    return {"params": weights.params, "batch_stats": weights.statistics}


def _draw(module, key, streams, *inputs) -> Weights:
    variables = module.init({"params": key, **streams}, *inputs, train=False)
    return Weights(variables["params"], variables.get("batch_stats", {}))


def _with_optimizer(weights: Weights, optimizer: ml_collections.ConfigDict) -> Player:
    empty = make_optimizer(optimizer).init(weights.params)
    return Player(weights.params, weights.statistics, empty)


def _fields(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """A module's fields; a config read from JSON has lists where Linen wants tuples."""
    return {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in config.items()
    }
