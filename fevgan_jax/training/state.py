"""The training state: two players, their optimizers, one PRNG key."""

from collections.abc import Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from clu import metrics as clu_metrics

from fevgan_jax import recognizers
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.family import Batch, Family
from fevgan_jax.training.optimizers import make_optimizer

NETWORKS = ("generator", "discriminator", "average")
"""The fields of a state that hold network weights."""


@flax.struct.dataclass
class Weights:
    """A network's parameters and its other variables.

    Attributes:
      params: the parameters, which the optimizer updates.
      statistics: variables that the network itself updates, by collection: `batch_stats` and any
        other.
    """

    params: Any
    statistics: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that a module is applied with."""
        return {"params": self.params, **self.statistics}


@flax.struct.dataclass
class Player(Weights):
    """One of the two trained networks: its weights and its optimizer's state."""

    optimizer: Any


@flax.struct.dataclass
class TrainState:
    """The content of a checkpoint; restored for sampling only, unneeded fields are None.

    Attributes:
      step: steps taken so far, int32.
      key: the run's one PRNG key; step s draws from `fold_in(key, s)`.
      generator: the generator.
      discriminator: the discriminator, empty in a run without a loss for it.
      average: the generator's moving averages, or None.
      metrics: running averages since the last line of metrics, so that a resumed run writes the
        same line as an uninterrupted one.
      failed_step: the first step whose losses, weights or statistics were not finite, or -1.
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
      family: its modules.
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
    """Draws both networks' parameters and initialises their optimizers; pure, can run under jit.

    Args:
      config: the experiment.
      family: its modules.
      metrics: the collection of averages that the state holds.
      sampling_only: leave out what sampling does not need.
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
    """The optimizer of a player, `generator` or `discriminator`, which leaves frozen parts out.

    Raises:
      UserError: `config.freeze` names a part that the player does not have.
    """
    leaves = [_names(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    for path in _frozen_paths(config, name):
        if not any(leaf[: len(path)] == path for leaf in leaves):
            parts = sorted({leaf[0] for leaf in leaves})
            raise UserError(
                f"config.freeze: the {name} has no part {'/'.join(path)!r}; its first names are "
                f"{', '.join(parts)}."
            )
    return make_optimizer(config[f"{name}_optimizer"], frozen_parts(config, name, params))


def frozen_parts(config: ml_collections.ConfigDict, name: str, tree: Any) -> Any:
    """A tree that is True where `config.freeze` names a player's parameter; None if it names none.

    Args:
      config: the experiment; `freeze` holds paths such as `generator/encoder`.
      name: `generator` or `discriminator`.
      tree: its parameters, or one collection of its statistics.
    """
    paths = _frozen_paths(config, name)
    if not paths:
        return None

    def is_frozen(path: tuple[Any, ...], _: Any) -> bool:
        return any(_names(path)[: len(prefix)] == prefix for prefix in paths)

    return jax.tree_util.tree_map_with_path(is_frozen, tree)


def _frozen_paths(config: ml_collections.ConfigDict, name: str) -> list[tuple[str, ...]]:
    return [tuple(path.split("/")[1:]) for path in config.freeze if path.split("/")[0] == name]


def _names(path: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(entry.key for entry in path)


def _draw(module, key, *inputs) -> Weights:
    # Flax derives any other rng stream that a module asks for from `params`.
    variables = dict(module.init({"params": key}, *inputs, train=False))
    return Weights(variables.pop("params", {}), variables)


def _with_optimizer(config, name: str, weights: Weights) -> Player:
    empty = player_optimizer(config, name, weights.params).init(weights.params)
    return Player(weights.params, weights.statistics, empty)
