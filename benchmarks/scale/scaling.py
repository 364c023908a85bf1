"""Estimates a step's communication and scaling: `python benchmarks/scale/scaling.py`.

Compiles the step of `configs/mug.py` for 8 virtual devices with the accelerators' convolutions,
counts its operations, its memory traffic and the bytes of its collectives, and prints them as
JSON and as the table of `docs/scaling.md`, which lists the assumptions.
"""

import json
import math
import os
import re
from collections.abc import Mapping

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true",
)

import jax
import numpy as np

from fevgan_jax import recognizers
from fevgan_jax.configs import mug
from fevgan_jax.convolutions import operations
from fevgan_jax.runtime import sharding
from fevgan_jax.training.family import build_family, frozen_encoders
from fevgan_jax.training.programs import lower_train_step
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics

MACHINES = {
    # https://www.nvidia.com/en-us/data-center/h200: 1979 TFLOP/s of bfloat16 with sparsity, half of
    # that without, 4.8 TB/s, NVLink 900 GB/s both ways. DGX H200's data sheet: 8 to a host, a
    # 400 Gb/s network adapter for each.
    "H200": {"flops": 989e12, "memory": 4.8e12, "links": 450e9, "host": 8, "network": 50e9},
    # https://cloud.google.com/tpu/docs/v5e: 197 TFLOP/s of bfloat16, 819 GB/s, links of 400 GB/s
    # both ways, pods of 256 chips.
    "TPU v5e": {"flops": 197e12, "memory": 819e9, "links": 200e9, "host": 256, "network": 200e9},
}
LATENCY = 5e-6
"""Seconds of latency between chips (an assumption; not in the data sheets)."""

BATCH_SIZE = 256
"""The global batch of the table: one clip per chip on the most chips."""

_COLLECTIVE = re.compile(
    r"= (.*?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute|"
    r"collective-broadcast)(?:-start)?\("
)
_SHAPE = re.compile(r"(pred|[suf]\d+|bf16)\[([\d,]*)\]")


def collectives(program: str) -> dict[str, list[int]]:
    """The bytes of each collective's result in a compiled program's text, by kind."""
    found: dict[str, list[int]] = {}
    for result, kind in _COLLECTIVE.findall(program):
        found.setdefault(kind, []).append(
            sum(
                math.prod(int(side) for side in sides.split(",") if side)
                * (1 if dtype == "pred" else int(re.sub(r"\D", "", dtype)) // 8)
                for dtype, sides in _SHAPE.findall(result)
            )
        )
    return found


def compile_step(
    config, batch_size: int, mesh: jax.sharding.Mesh
) -> tuple[jax.stages.Compiled, dict[str, int]]:
    """Compiles a config's step from shapes alone; returns it and each player's parameter bytes."""
    family = build_family(config)
    frozen: dict[str, Mapping] = {}
    for encoder in frozen_encoders(config):
        shapes = recognizers.shapes(**encoder)
        frozen[encoder["name"]] = shapes | frozen.get(encoder["name"], {})
    clip = tuple(config.data.clip_shape)
    state = jax.eval_shape(lambda: init_state(config, family, make_metrics(config, family)))
    batch = {
        "video": jax.ShapeDtypeStruct((batch_size, *clip), np.uint8),
        "label": jax.ShapeDtypeStruct((batch_size,), np.int32),
    }
    parameters = {
        name: sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(player.params))
        for name, player in (("generator", state.generator), ("discriminator", state.discriminator))
    }
    lowered = lower_train_step(config, family, mesh, state, frozen, batch)
    return lowered.compile(), parameters


def table(clip: dict[str, float], step: dict[str, float]) -> str:
    """Milliseconds of a step, its communication included, for 1 to 256 chips.

    Args:
      clip: `flops` and `bytes` per clip of the batch.
      step: `bytes` per step at any batch size, `exchanged` bytes, and its `collectives`.
    """
    lines = ["| chips | clips each | H200 | TPU v5e |", "|---|---|---|---|"]
    for power in range(9):
        chips = 2**power
        cells = []
        for machine in MACHINES.values():
            clips = BATCH_SIZE // chips
            computing = clip["flops"] * clips / machine["flops"]
            moving = (step["bytes"] + clip["bytes"] * clips) / machine["memory"]
            link = machine["links"] if chips <= machine["host"] else machine["network"]
            exchange = 2 * (chips - 1) / chips * step["exchanged"] / link
            exchange += step["collectives"] * 2 * power * LATENCY
            total = max(computing, moving) + exchange
            cells.append(f"{1e3 * total:.1f} ({exchange / total:.0%})")
        lines.append(f"| {chips} | {BATCH_SIZE // chips} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _main() -> None:
    mesh, config = sharding.make_mesh(), mug.get_config()
    few, many = 1, 3  # clips per device: the difference of two programs is one clip's cost
    costs = []
    for clips in (few, many):
        compiled, parameters = compile_step(config, clips * mesh.size, mesh)
        analysis = compiled.cost_analysis()
        costs.append((analysis["flops"], analysis["bytes accessed"]))
    clip = {
        name: (costs[1][place] - costs[0][place]) / (many - few)
        for place, name in enumerate(("flops", "bytes"))
    }
    found = collectives(compiled.as_text())
    step = {
        "bytes": costs[0][1] - few * clip["bytes"],
        # Accelerators' compilers reduce each gradient once, see compiled.py.
        "exchanged": sum(parameters.values()),
        "collectives": sum(map(len, found.values())),
    }
    kinds = {kind: [len(sizes), sum(sizes)] for kind, sizes in found.items()}
    print(json.dumps({"clip": clip, "step": step, "kinds": kinds, "parameter_bytes": parameters}))
    print(table(clip, step))


if __name__ == "__main__":
    operations.is_native = lambda *_: True
    _main()
