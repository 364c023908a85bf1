"""Frozen face nets: one module each, with `Network`, `preprocess`, `convert` and `load`."""

import functools
import importlib
import os
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from fevgan_jax.recognizers import weights_folder
from fevgan_jax.runtime.errors import UserError

_HELPERS = ("deepface_file", "feature_maps", "weights_folder")


def known() -> list[str]:
    """Names of the nets this package can run."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in names if name not in _HELPERS]


def module(net: str) -> ModuleType:
    """The module of a net.

    Raises:
      UserError: there is no such net.
    """
    if net not in known():
        raise UserError(f"there is no frozen net {net!r}: it is one of {', '.join(known())}.")
    return importlib.import_module(f"{__name__}.{net}")


def encode(encoder: Mapping[str, str], frozen: Mapping[str, Any], image: jax.Array) -> jax.Array:
    """Runs a frozen net on images, in the dtype of its parameters.

    Args:
      encoder: `name`, a module of this package, and `features`, the feature maps it gives.
      frozen: parameters of the nets, by name.
      image: `[B, H, W, 3]`, RGB in [-1, 1].

    Returns:
      Feature maps `[B, h, w, D]` or an embedding `[B, D]`, see the net's module; in the image's
      dtype.
    """
    net, params = module(encoder["name"]), frozen[encoder["name"]]
    network = net.Network(features=encoder["features"])
    seen = net.preprocess(image).astype(jax.tree.leaves(params)[0].dtype)
    return network.apply({"params": params}, seen).astype(image.dtype)


def load(
    encoders: Iterable[Mapping[str, str]], weights_dir: str | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Loads from the weights folder the layers of each net that the encoders need.

    Args:
      encoders: `name` and `features` of each.
      weights_dir: the folder, when not the usual one.

    Returns:
      Parameters and the sha256 of each net, both by name.

    Raises:
      UserError: a net is missing, or its file does not match its hash.
    """
    layers: dict[str, set[str]] = {}
    for encoder in encoders:
        layers.setdefault(encoder["name"], set()).update(
            shapes(encoder["name"], encoder["features"])
        )
    nets = {name: module(name).load(weights_dir, layers[name]) for name in sorted(layers)}
    return (
        {name: params for name, (params, _) in nets.items()},
        {name: digest for name, (_, digest) in nets.items()},
    )


def shapes(name: str, features: str) -> dict[str, Any]:
    """Shapes of the parameters that a net needs for these features."""
    return _traced(name, features, (64, 64))[1]["params"]


def encoded_shape(encoder: Mapping[str, str], image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what `encode` gives for images of a shape `[B, H, W, 3]`."""
    seen, _ = _traced(encoder["name"], encoder["features"], tuple(image_shape[1:3]))
    return image_shape[0], *seen.shape[1:]


@functools.cache
def _traced(name: str, features: str, sides: tuple[int, int]) -> tuple[jax.ShapeDtypeStruct, Any]:
    """Shapes of a net's output for one picture of H, W, and of its variables."""
    net = module(name)
    image = jax.ShapeDtypeStruct((1, *sides, 3), jnp.float32)
    draw = net.Network(features=features).init_with_output
    return jax.eval_shape(lambda image: draw(jax.random.key(0), net.preprocess(image)), image)


def install(
    net: str, source: str | os.PathLike, weights_dir: str | None = None
) -> weights_folder.Note:
    """Converts a net's file, checks the net on the probe image and saves it in the weights folder.

    Raises:
      UserError: the file is missing, not the expected one, or gives a net whose output is constant
        or not finite.
    """
    logging.info("converting %s (once)", source)
    params = module(net).convert(source)
    seen = probe(net, params)
    if not np.isfinite(seen).all() or np.ptp(seen) == 0.0:
        raise UserError(
            f"{source} gives a net whose output is constant or not finite: get the file again."
        )
    return weights_folder.save(
        net,
        params,
        converted_from=source,
        source=module(net).SOURCE,
        license_text=module(net).LICENSE,
        probe=seen,
        weights_dir=weights_dir,
    )


def load_packaged(
    net: str, weights_dir: str | None = None, layers: Collection[str] | None = None
) -> tuple[dict[str, Any], str]:
    """Loads a net that a pip package carries, as `weights_folder.load` does.

    The first call converts it.

    Raises:
      UserError: its file is damaged, or both the file and the package are missing.
    """
    if not weights_folder.path_of(net, weights_dir).exists():
        install(net, module(net).default_source(), weights_dir)
    return weights_folder.load(net, weights_dir, layers)


def probe(net: str, params: Mapping[str, Any]) -> list[float]:
    """Eight values of a net's last layer on a fixed picture."""
    last = {"name": net, "features": module(net).LAYERS[-1]}
    ramp = np.linspace(0.0, 6.0, 64)
    picture = np.sin(np.multiply.outer(ramp, [1.0, 2.0, 3.0]) + ramp[:, None, None])
    image = jnp.asarray(picture[None], jnp.float32)
    seen = jax.jit(lambda params: encode(last, {net: params}, image))(params)
    values = np.asarray(seen, np.float64).ravel()
    return values[np.linspace(0, values.size - 1, 8).astype(int)].tolist()
