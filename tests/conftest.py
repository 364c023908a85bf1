"""Every test runs on the CPU, on 8 virtual devices, without a network."""

import importlib.metadata
import os

from tests.leftovers import pytest_sessionfinish, pytest_terminal_summary  # noqa: F401 (hooks)

os.environ["JAX_PLATFORMS"] = "cpu"
# A test's program runs once or twice: compiling it is what takes time.
COMPILE_FAST = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if importlib.metadata.version("jaxlib") < "0.11":
    COMPILE_FAST += " --xla_cpu_use_fusion_emitters=false"  # a step in 3 s; later ones refuse it
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count=8 {COMPILE_FAST}"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fcntl
import math

import jax
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.prepare import prepare


@pytest.fixture
def random_nets(monkeypatch):
    """Frozen nets with random weights, for configs whose own have to be fetched."""

    def load(encoders, weights_dir):
        random, nets = np.random.default_rng(0), {}
        for encoder in encoders:
            shapes = recognizers.shapes(encoder["name"], encoder["features"])
            drawn = jax.tree.map(lambda leaf: _draw(random, leaf.shape), shapes)
            nets[encoder["name"]] = drawn | nets.get(encoder["name"], {})
        return nets, dict.fromkeys(nets, "random weights")

    monkeypatch.setattr(recognizers, "load", load)


def _draw(random, shape):
    """A kernel that keeps its input's scale, or a bias of nothing."""
    if len(shape) == 1:
        return np.zeros(shape, np.float32)
    return random.normal(0, math.prod(shape[:-1]) ** -0.5, shape).astype(np.float32)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """The folder with `synthetic_faces/tiny`, rendered once for all workers."""
    folder = _shared(tmp_path_factory)
    with open(folder / "tiny_data.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare("synthetic_faces/tiny", str(folder / "data"))
    return folder / "data"


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """What a command needs of its environment: one device, and a shared compilation cache."""
    cache = str(_shared(tmp_path_factory) / "compiled")
    return os.environ | {"XLA_FLAGS": COMPILE_FAST, "JAX_COMPILATION_CACHE_DIR": cache}


def _shared(tmp_path_factory):
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
