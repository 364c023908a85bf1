"""Times one training step.

`python benchmarks/speed/step.py --config=mug --batch_size=4 [--vs=torch]`

Prints one JSON object: milliseconds per step (median, minimum and maximum), compilation time, peak
memory of the process, device and versions. `--vs=torch` alternates our step with PyTorch's
(`torch_peer.py`, extra `[bench]`), each in a process of its own, and adds the ratio of their
medians, the step's arithmetic as PyTorch counts it, both rates, the rate of a large matrix product
that alternates with them, and a sentence. The batch and the frozen nets are random, which does not
change the time.
"""

import functools
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import arithmetic
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import flags

from fevgan_jax import recognizers
from fevgan_jax.runtime import cli, config_flag, processes, sharding
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.programs import lower_train_step
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics, make_train_step

_MATRIX_SIDE = {"cpu": 4096, "gpu": 16384}


class Ours:
    """Our step, compiled."""

    def __init__(self, config: ml_collections.ConfigDict, batch_size: int):
        family = build_family(config)
        metrics = make_metrics(config, family)
        self._frozen = jax.tree.map(jnp.asarray, draw_frozen(config))
        self._batch = _batch(config, batch_size)
        if config.encode_once:
            photos = (batch_size, *config.data.clip_shape[1:])
            shape = recognizers.encoded_shape(config.model.identity_encoder, photos)
            self._batch["identity"] = np.ones(shape, np.float32)
        self._state = jax.jit(lambda: init_state(config, family, metrics))()
        mesh = sharding.make_mesh(jax.devices()[:1])
        self._pure = make_train_step(config, family)
        start = time.perf_counter()
        lowered = lower_train_step(config, family, mesh, self._state, self._frozen, self._batch)
        self._step = lowered.compile()
        processes.return_freed_memory()
        self._compile_seconds = time.perf_counter() - start

    def __call__(self) -> None:
        """Takes a step."""
        self._state = jax.block_until_ready(self._step(self._state, self._frozen, self._batch))

    def gigaflop(self) -> float:
        """The step's arithmetic, see `arithmetic.py`."""
        return 1e-9 * arithmetic.count(self._pure, self._state, self._frozen, self._batch)

    def report(self) -> dict[str, Any]:
        """Compilation time in seconds, and peak memory."""
        device = jax.devices()[0].memory_stats() or {}
        return {
            "compile_s": round(self._compile_seconds, 1),
            "peak_memory_gib": _gib(device.get("peak_bytes_in_use")),
        }


class Torch:
    """PyTorch's step."""

    def __init__(self, config: ml_collections.ConfigDict, batch_size: int):
        import torch_peer  # the extra [bench]

        family = build_family(config)
        metrics = make_metrics(config, family)
        frozen = draw_frozen(config)
        state = jax.eval_shape(lambda: init_state(config, family, metrics))
        random = np.random.default_rng(1)
        players = {"generator": state.generator, "discriminator": state.discriminator}
        params = {name: _draw(random, player.params) for name, player in players.items()}
        self._peer = torch_peer.Peer(config, params, frozen)
        self._batch = _batch(config, batch_size)
        start = time.perf_counter()
        self._gigaflop = self._peer.count_gigaflop(self._batch)
        self._compile_seconds = time.perf_counter() - start

    def __call__(self) -> None:
        """Takes a step."""
        self._peer.step(self._batch)
        self._peer.wait()

    def report(self) -> dict[str, Any]:
        """Time of the first step, in seconds, peak memory, and the step's arithmetic."""
        return {
            "compile_s": round(self._compile_seconds, 1),
            "peak_memory_gib": _gib(self._peer.peak_bytes()),
            "gigaflop": round(self._gigaflop, 1),
        }


class MatrixProduct:
    """A large product, float32 on a CPU and bfloat16 elsewhere, as the machine's reference rate."""

    def __init__(self):
        self._side = _MATRIX_SIDE["cpu" if jax.default_backend() == "cpu" else "gpu"]
        dtype = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
        self._x = jax.random.normal(jax.random.key(0), (self._side, self._side), dtype)
        self._product = jax.jit(jnp.matmul)

    def __call__(self) -> None:
        """Takes the product."""
        jax.block_until_ready(self._product(self._x, self._x))

    def report(self) -> dict[str, Any]:
        """The product's arithmetic."""
        return {"gigaflop": 2e-9 * self._side**3}


def measure(config: ml_collections.ConfigDict, batch_size: int, num_steps: int) -> dict[str, Any]:
    """Runs our step `num_steps` times and waits for each."""
    step = Ours(config, batch_size)
    found = summary(timed(step, num_steps + 1)[1:]) | step.report()
    return {"batch_size": batch_size, **about(num_steps), **found}


def compare(config: ml_collections.ConfigDict, batch_size: int, num_steps: int) -> dict[str, Any]:
    """Alternates our step, PyTorch's and a matrix product, each in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    sides = {
        "ours": functools.partial(Ours, config, batch_size),
        "torch": functools.partial(Torch, config, batch_size),
        "matrix_product": MatrixProduct,
    }
    # They share one accelerator: none may take most of its memory at its start.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    pipes, milliseconds = {}, {name: [] for name in sides}
    for name, side in sides.items():
        pipes[name], theirs = spawn.Pipe()
        spawn.Process(target=_serve, args=(theirs, side), daemon=True).start()
        pipes[name].recv()  # one at a time, so that they do not slow each other's compilation
    for _ in range(num_steps):
        for name, pipe in pipes.items():
            pipe.send("step")
            milliseconds[name].append(pipe.recv())
    found = {}
    for name, pipe in pipes.items():
        pipe.send("report")
        found[name] = summary(milliseconds[name]) | pipe.recv()
    work = found["torch"].pop("gigaflop")
    found["matrix_product"]["gigaflop_per_s"] = _rate(found["matrix_product"], None)
    for name in ("ours", "torch"):
        found[name]["gigaflop_per_s"] = _rate(found[name], work)
    ratio = found["ours"]["median_ms"] / found["torch"]["median_ms"]
    return {
        "batch_size": batch_size,
        **about(num_steps),
        "torch_version": metadata.version("torch"),
        "gigaflop": work,
        **found,
        "ours_to_torch": round(ratio, 3),
    }


def _serve(pipe, side: Callable) -> None:
    """Builds a side, then runs steps or reports, by the requests from the pipe."""
    step = side()
    step()  # warm-up
    pipe.send("ready")
    while pipe.recv() == "step":
        pipe.send(timed(step, 1)[0])
    pipe.send(step.report())


def timed(step: Callable[[], None], times: int) -> list[float]:
    """Milliseconds of each step."""
    milliseconds = []
    for _ in range(times):
        start = time.perf_counter()
        step()
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return milliseconds


def summary(milliseconds: list[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {
        "median_ms": round(statistics.median(milliseconds), 1),
        "min_ms": round(min(milliseconds), 1),
        "max_ms": round(max(milliseconds), 1),
    }


def _rate(found: dict[str, Any], gigaflop: float | None) -> float:
    gigaflop = found.pop("gigaflop") if gigaflop is None else gigaflop
    return round(1e3 * gigaflop / found["median_ms"], 1)


def about(num_steps: int) -> dict[str, Any]:
    """Number of steps, device, cores and versions."""
    return {
        "steps": num_steps,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "versions": {"jax": jax.__version__, "python": platform.python_version()},
    }


def _batch(config: ml_collections.ConfigDict, batch_size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "video": random.integers(0, 256, (batch_size, *config.data.clip_shape), np.uint8),
        "label": random.integers(0, len(config.data.class_names), batch_size).astype(np.int32),
    }


def draw_frozen(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Random parameters of the config's frozen nets."""
    random, frozen = np.random.default_rng(0), {}
    for encoder in frozen_encoders(config):
        drawn = _draw(random, recognizers.shapes(**encoder))
        frozen[encoder["name"]] = drawn | frozen.get(encoder["name"], {})
    return frozen


def _draw(random: np.random.Generator, shapes: Any) -> Any:
    return jax.tree.map(
        lambda leaf: random.normal(0.0, 0.02, leaf.shape).astype(leaf.dtype), shapes
    )


def _gib(on_device: int | None) -> float:
    """Peak memory in GiB: the device's if it reports it, else the process's."""
    used = on_device or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(used / 2**30, 2)


def _in_words(found: dict[str, Any]) -> str:
    ours, peer, product = found["ours"], found["torch"], found["matrix_product"]
    return (
        f"batch {found['batch_size']}: {ours['median_ms']:.0f} ms a step, PyTorch "
        f"{peer['median_ms']:.0f} ({found['ours_to_torch']:.2f} times; medians of "
        f"{found['steps']}); {ours['gigaflop_per_s']:.0f} and {peer['gigaflop_per_s']:.0f} of a "
        f"matrix product's {product['gigaflop_per_s']:.0f} GFLOP/s; "
        f"{ours['peak_memory_gib']} and {peer['peak_memory_gib']} GiB"
    )


def _run(config, batch_size: int, num_steps: int, peer: str | None) -> None:
    if peer is None:
        print(json.dumps(measure(config, batch_size, num_steps)))
        return
    found = compare(config, batch_size, num_steps)
    print(json.dumps(found))
    print(_in_words(found), file=sys.stderr)


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment whose step is timed")
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 4, "clips a step")
    _STEPS = flags.DEFINE_integer("steps", 5, "timed steps")
    _VS = flags.DEFINE_enum("vs", None, ["torch"], "the peer whose step alternates with ours")
    cli.run(lambda: _run(_CONFIG.value, _BATCH_SIZE.value, _STEPS.value, _VS.value))
