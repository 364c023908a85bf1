"""Compiles a step for an accelerator without having one, and analyses the program.

`python benchmarks/scale/compiled.py --config=mug --chip=H200 --chips=8 --batch_size=16` compiles
for H200s where the extra `[cuda12]` is installed, and with `--chip=v5e` for TPUs where `[tpu]` is;
no driver is needed. Prints one JSON object: the collectives by kind (how many, bytes), their bytes
as a share of the parameters', cuDNN's convolutions by type and layout, their arithmetic as they
run, and a chip's peak memory, the state included. `XLA_FLAGS` of the environment are kept.
"""

import collections
import importlib.util
import json
import math
import os
import pathlib
import re
import time
from importlib import metadata
from typing import Any

os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"  # it queries the driver
os.environ["TPU_SKIP_MDS_QUERY"] = "1"  # it queries the TPU's host
# Autotuning runs kernels.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_gpu_autotune_level=0"

import ml_collections
import scaling
from absl import flags
from jax.experimental import topologies

from fevgan_jax.convolutions import operations
from fevgan_jax.runtime import cli, config_flag, sharding
from fevgan_jax.runtime.errors import UserError

_TARGET = pathlib.Path(__file__).parent / "h200.txtpb"
CHIPS = {
    "H200": {"platform": "cuda", "target_config": _TARGET.read_text(), "topology": "1x1x8"},
    "v5e": {"platform": "tpu", "topology_name": "v5e:2x4"},
}
"""Eight chips of one host, by the names that their compilers use."""

_INSTALLED_BY = {"H200": ("jax_cuda12_plugin", "cuda12"), "v5e": ("libtpu", "tpu")}
"""The package of each chip's compiler, and the extra that installs it."""

_ARRAY = re.compile(r"%([\w.-]+) = \(?\w+\[([\d,]+)\]")
_CUDNN = re.compile(
    r"%(?P<made>[\w.-]+) = \(?(?P<dtype>\w+)\[.*custom-call\(%(?P<first>[\w.-]+), "
    r"%(?P<second>[\w.-]+)[^)]*\), (?:window={size=(?P<window>[\dx]+)[^}]*}, )?"
    r"dim_labels=(?P<layout>\w+->\w+)"
    r".*__cudnn\$conv(?P<direction>BackwardInput|BackwardFilter|)"
)


def compiled(
    config: ml_collections.ConfigDict, chip: str, num_chips: int, batch_size: int
) -> dict[str, Any]:
    """Compiles a config's step for the first of `CHIPS[chip]`.

    Raises:
      UserError: the compiler is not installed.
    """
    package, extra = _INSTALLED_BY[chip]
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f'the compiler for {chip} is not installed: run `pip install "fevgan_jax[{extra}]"`.'
        )
    chips = topologies.get_topology_desc(**CHIPS[chip]).devices[:num_chips]
    mesh = sharding.make_mesh(chips)
    start = time.perf_counter()
    program, parameters = scaling.compile_step(config, batch_size, mesh)
    seconds = time.perf_counter() - start
    text = program.as_text()
    found = scaling.collectives(text)
    by_cudnn = list(_CUDNN.finditer(text))
    return {
        "chip": chip,
        "chips": num_chips,
        "batch_size": batch_size,
        "compute_dtype": config.compute_dtype,
        "microbatches": config.microbatches,
        "remat": config.remat,
        "collectives": {kind: [len(sizes), sum(sizes)] for kind, sizes in found.items()},
        "exchanged_per_parameter_byte": round(
            sum(map(sum, found.values())) / sum(parameters.values()), 4
        ),
        "convolutions_by_cudnn": collections.Counter(
            f"{found['dtype']} {found['layout']}" for found in by_cudnn
        ),
        "gigaflop_in_convolutions": round(1e-9 * _operations(text, by_cudnn), 1),
        "peak_mib": round(program.memory_analysis().peak_memory_in_bytes / 2**20),
        "compile_s": round(seconds, 1),
        "jax": metadata.version("jax"),
    }


def _operations(text: str, convolutions_by_cudnn: list[re.Match]) -> int:
    """Multiplications and additions of convolutions, including those with zeros."""
    shapes = {
        name: [int(side) for side in sides.split(",")] for name, sides in _ARRAY.findall(text)
    }
    total = 0
    for found in convolutions_by_cudnn:
        made, first, second = (shapes[found[name]] for name in ("made", "first", "second"))
        small, big = {
            "": (made, first),
            "BackwardInput": (first, made),
            "BackwardFilter": (second, first),
        }[found["direction"]]
        channels = big[found["layout"].index("f")]
        window = math.prod(map(int, (found["window"] or "1").split("x")))
        total += 2 * math.prod(small) * window * channels
    return total


if __name__ == "__main__":
    _CONFIG = config_flag.define("config", "the experiment")
    _CHIP = flags.DEFINE_enum("chip", "H200", list(CHIPS), "what to compile for")
    _NUM_CHIPS = flags.DEFINE_integer("chips", 8, "number of chips", 1, 8)
    _BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "clips a step, on all of them together")
    operations.is_native = lambda *_: True  # JAX's default backend is the CPU here
    cli.run(
        lambda: print(
            json.dumps(compiled(_CONFIG.value, _CHIP.value, _NUM_CHIPS.value, _BATCH_SIZE.value))
        )
    )
