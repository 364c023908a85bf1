"""Milliseconds per face of each frozen net, as JSON: `python benchmarks/speed/recognizers.py`.

Parameters are random, which does not change the time. `dlib` is dlib's own recogniser, one chip at
a time, if it is installed.
"""

import importlib.util
import json
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from fevgan_jax import recognizers
from fevgan_jax.recognizers import dlib_resnet
from fevgan_jax.runtime import cli


def measure(batch_size: int, repeats: int) -> dict:
    """Median and minimum over the repeats, of the embedding and its gradient by the picture."""
    image = jax.random.uniform(jax.random.key(0), (batch_size, 64, 64, 3), minval=-1.0)
    result = {"batch_size": batch_size, "repeats": repeats, "milliseconds_a_face": {}}
    for net in recognizers.known():
        encoder = {"name": net, "features": recognizers.module(net).LAYERS[-1]}
        shapes = recognizers.shapes(**encoder)
        params = {net: jax.tree.map(lambda leaf: jnp.full(leaf.shape, 1e-3), shapes)}

        def embed(image, params, encoder=encoder):
            return recognizers.encode(encoder, params, image)

        slope = jax.grad(lambda image, params, embed=embed: embed(image, params).sum())
        result["milliseconds_a_face"][net] = {
            "forward": _time(jax.jit(embed), image, params, repeats=repeats),
            "gradient": _time(jax.jit(slope), image, params, repeats=repeats),
        }
    if importlib.util.find_spec("dlib"):
        import dlib

        model = dlib.face_recognition_model_v1(str(dlib_resnet.default_source()))
        chip = np.zeros((dlib_resnet.CHIP, dlib_resnet.CHIP, 3), np.uint8)
        own = _time(model.compute_face_descriptor, chip, repeats=repeats)
        result["milliseconds_a_face"]["dlib"] = {"forward": own}
    return result


def _time(function: Callable, *arguments, repeats: int) -> dict[str, float]:
    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - start)
    faces = len(arguments[0]) if arguments[0].ndim == 4 else 1
    return {
        name: round(1e3 * pick(seconds) / faces, 2)
        for name, pick in (("median", statistics.median), ("minimum", min))
    }


if __name__ == "__main__":
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "faces at a time")
    _REPEATS = flags.DEFINE_integer("repeats", 5, "timed runs")
    cli.run(lambda: print(json.dumps(measure(_BATCH_SIZE.value, _REPEATS.value))))
