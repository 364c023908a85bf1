"""Frozen face nets: one module each, with `Network`, `preprocess`, `convert` and `load`."""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax


def encode(encoder: Mapping[str, str], frozen: Mapping[str, Any], image: jax.Array) -> jax.Array:
    """Runs a frozen net on images.

    Args:
      encoder: `name`, a module of this package, and `features`, the feature maps it gives.
      frozen: parameters of the nets, by name.
      image: `[B, H, W, 3]`, RGB in [-1, 1].

    Returns:
      Feature maps `[B, h, w, D]`, or an embedding `[B, D]`, as that net's module says.
    """
    net = importlib.import_module(f"{__name__}.{encoder['name']}")
    network = net.Network(features=encoder["features"])
    return network.apply({"params": frozen[encoder["name"]]}, net.preprocess(image))


def load(names: Iterable[str], weights_dir: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Loads the parameters of the named nets from the weights folder.

    Returns:
      Their parameters and the sha256 of their files, both by name.

    Raises:
      UserError: a net is not there, or its file is not the one its hash promises.
    """
    nets = {
        name: importlib.import_module(f"{__name__}.{name}").load(weights_dir)
        for name in sorted(set(names))
    }
    return (
        {name: params for name, (params, _) in nets.items()},
        {name: digest for name, (_, digest) in nets.items()},
    )
