"""The optimizer of one player, from its config."""

import ml_collections
import optax


def make_optimizer(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
    """Builds the optax optimizer called `config.name` with the config's other fields.

    Args:
      config: `name`, and the arguments of that optax function: Adam 2e-4, b1 0.5 in the base
        config (choice: VGAN's).
    """
    arguments = config.to_dict()
    return getattr(optax, arguments.pop("name"))(**arguments)
