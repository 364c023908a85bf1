"""What a step needs and changes: two players, their optimizers, one key."""

from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from clu import metrics as clu_metrics

from fevgan_jax import recognizers
from fevgan_jax.training.family import Batch, Family
from fevgan_jax.training.optimizers import make_optimizer

NETWORKS = ("generator", "discriminator", "average")
"""The fields of a state that hold a network's weights."""


@flax.struct.dataclass
class Weights:
    """A network's parameters, and its other variables.

    Attributes:
      params: the parameters, which a gradient moves.
      statistics: all that the network itself moves, by collection: `batch_stats` and any other.
    """

    params: Any
    statistics: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, Any]:
        """What a module is applied to."""
        return {"params": self.params, **self.statistics}


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
      failed_step: the first step whose losses, or the networks that it made, were not finite; or
        -1.
    """

    step: jax.Array
    key: jax.Array
    generator: Player | Weights | None = None
    discriminator: Player | None = None
    average: Weights | None = None
    metrics: Any = None
    failed_step: jax.Array | None = None

    @property
    def sampler(self) -> Weights:
        """The generator's weights to sample with: the moving averages where they are kept."""
        return self.average or self.generator


def is_finite(*trees: Any) -> jax.Array:
    """Whether all floating-point numbers of some trees are finite; pure, so it can be jitted."""
    leaves = [leaf for leaf in jax.tree.leaves(trees) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def not_finite(tree: Any) -> str | None:
    """Names the first leaf of a tree that holds a number that is not finite, on the host."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        if floating and not np.isfinite(np.asarray(leaf, np.float32)).all():
            return jax.tree_util.keystr(path, simple=True, separator=".")
    return None


def batch_shapes(config: ml_collections.ConfigDict, family: Family, rows: int) -> Batch:
    """The shapes of a batch of the family's features, as the data set holds them.

    Those of a clip follow from `config.data.clip_shape`; `config.data.shapes` names others.

    Args:
      config: the experiment.
      family: whose features they are.
      rows: the batch's size.
    """
    frames, height, width, channels = config.data.clip_shape
    known = {
        "video": ((frames, height, width, channels), "uint8"),
        "photo": ((height, width, channels), "uint8"),
        "mask": ((frames, height, width, 1), "uint8"),
        "landmarks": ((frames, 68, 2), "float32"),
        "source_frames": ((frames,), "float32"),
        "label": ((), "int32"),
    } | config.data.shapes.to_dict()
    return {
        name: jax.ShapeDtypeStruct((rows, *known[name][0]), known[name][1])
        for name in family.features
    }


def init_state(
    config: ml_collections.ConfigDict,
    family: Family,
    metrics: type[clu_metrics.Collection],
    sampling_only: bool = False,
) -> TrainState:
    """Draws both networks and empties their optimizers; pure, so it can run under jit.

    Args:
      config: the experiment.
      family: its modules.
      metrics: the collection whose averages the state carries.
      sampling_only: leave out what is not needed to sample.
    """
    key, generator_key, discriminator_key, noise_key = jax.random.split(
        jax.random.key(config.seed), 4
    )
    shapes = batch_shapes(config, family, rows=1)
    batch = family.examples({n: jnp.zeros(leaf.shape, leaf.dtype) for n, leaf in shapes.items()})
    if family.encoder:
        photo = batch["photo"].shape
        batch["identity"] = jnp.zeros(recognizers.encoded_shape(family.encoder, photo))
    condition = family.condition(batch, {}, noise_key[None], 0.0)
    generator = _draw(family.generator, generator_key, condition)
    state = TrainState(step=jnp.zeros((), jnp.int32), key=key)
    if config.ema_decay:
        state = state.replace(average=generator)
    if sampling_only:
        return state if state.average else state.replace(generator=generator)
    discriminator = Player({}, {}, {})
    if family.discriminator:
        judged = family.judged(family.real(batch))
        weights = _draw(family.discriminator, discriminator_key, judged, condition)
        discriminator = _with_optimizer(config, "discriminator", weights)
    return state.replace(
        generator=_with_optimizer(config, "generator", generator),
        discriminator=discriminator,
        metrics=metrics.empty(),
        failed_step=jnp.full((), -1, jnp.int32),
    )


def player_optimizer(config: ml_collections.ConfigDict, name: str, params: Any):
    """The optimizer of a player, `generator` or `discriminator`, which leaves frozen parts out."""
    frozen = frozen_parts(config, name, params)
    return make_optimizer(config[f"{name}_optimizer"], frozen)


def frozen_parts(config: ml_collections.ConfigDict, name: str, tree: Any) -> Any:
    """A tree that is True where `config.freeze` names a parameter of a player; None if nowhere.

    Args:
      config: the experiment; `freeze` holds paths such as `generator/encoder`.
      name: `generator` or `discriminator`.
      tree: its parameters, or one collection of its statistics.
    """
    paths = [tuple(path.split("/")[1:]) for path in config.freeze if path.split("/")[0] == name]
    if not paths:
        return None

    def is_frozen(path: tuple[Any, ...], _: Any) -> bool:
        names = tuple(entry.key for entry in path)
        return any(names[: len(prefix)] == prefix for prefix in paths)

    return jax.tree_util.tree_map_with_path(is_frozen, tree)


def _draw(module, key, *inputs) -> Weights:
    # Any rng stream that a module asks for is drawn from that of its parameters.
    variables = dict(module.init({"params": key}, *inputs, train=False))
    return Weights(variables.pop("params", {}), variables)


def _with_optimizer(config, name: str, weights: Weights) -> Player:
    empty = player_optimizer(config, name, weights.params).init(weights.params)
    return Player(weights.params, weights.statistics, empty)
