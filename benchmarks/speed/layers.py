"""Times each 3D layer: `python benchmarks/speed/layers.py --config=mug --batch_size=4 [--native]`.

Prints one JSON object: GFLOP/s of every layer of FEV-GAN's decoder and discriminator, forward and
backward (the gradients of input and kernel together), as the median over some runs. `--native`
adds XLA's own convolutions, one run on one clip each: on a CPU they take minutes.
"""

import functools
import json
import math
import os
import statistics
import time

import jax
from absl import flags

from fevgan_jax.convolutions.operations import convolve, transposed_convolve
from fevgan_jax.runtime import cli, config_flag

STRIDES, PADDING = (2, 2, 2), (1, 1, 1)


def layers(config) -> list[tuple]:
    """Name, operation, sides of the smaller grid, channels of the larger and the smaller."""
    widths = (*config.model.generator.decoder_features, 3)
    chosen = [
        (
            f"decoder {widths[i]} to {widths[i + 1]}",
            transposed_convolve,
            i,
            widths[i + 1],
            widths[i],
        )
        for i in range(4)
    ]
    widths = (3, *config.model.discriminator.features)
    chosen += [
        (f"discriminator {widths[i]} to {widths[i + 1]}", convolve, 3 - i, widths[i], widths[i + 1])
        for i in range(4)
    ]
    return [
        (name, operation, tuple(n * 2**level for n in (2, 4, 4)), big, small)
        for name, operation, level, big, small in chosen
    ]


def measure(config, batch_size: int, repeats: int, native: bool) -> dict:
    """GFLOP/s by layer, lowering and direction."""
    lowerings = {"product": (batch_size, repeats)} | ({"native": (1, 1)} if native else {})
    rates = {}
    for name, operation, sides, big, small in layers(config):
        rates[name] = {}
        for lowering, (batch, runs) in lowerings.items():
            grid = (batch, *(2 * n for n in sides), big), (batch, *sides, small)
            given, wanted = grid if operation is convolve else grid[::-1]
            x, kernel, y = (
                jax.random.normal(jax.random.key(0), shape)
                for shape in (given, (4, 4, 4, big, small), wanted)
            )
            run = functools.partial(operation, strides=STRIDES, padding=PADDING, lowering=lowering)
            gigaflop = 2e-9 * batch * math.prod(sides) * 64 * big * small
            forward = _seconds(jax.jit(run), (x, kernel), runs)
            backward = _seconds(jax.jit(functools.partial(_pull, run)), (x, kernel, y), runs)
            rates[name][lowering] = {
                "forward": round(gigaflop / forward, 1),
                "backward": round(2 * gigaflop / backward, 1),
            }
    return {
        "batch_size": batch_size,
        "gflop_per_s": rates,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "jax": jax.__version__,
    }


def _pull(run, x: jax.Array, kernel: jax.Array, y: jax.Array):
    # The operation is bilinear, so its value is dead code here and not computed.
    return jax.vjp(run, x, kernel)[1](y)


def _seconds(function, arguments, runs: int) -> float:
    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose layers are timed")
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "clips")
    _REPEATS = flags.DEFINE_integer("repeats", 5, "timed runs per layer")
    _NATIVE = flags.DEFINE_bool("native", False, "time XLA's own convolutions too")
    cli.run(
        lambda: print(
            json.dumps(
                measure(_CONFIG.value, _BATCH_SIZE.value, _REPEATS.value, _NATIVE.value), indent=2
            )
        )
    )
