"""benchmarks/scale/compiled.py: the analysis of an accelerator's program."""

import os

import pytest

# One layer of two clips: 128 and 256 channels, kernel 4, stride 2.
BIG, SMALL, KERNEL = "bf16[2,128,16,32,32]{}", "bf16[2,256,8,16,16]{}", "bf16[256,128,4,4,4]{}"
BLOWN_UP, AS_KERNEL = "bf16[128,2,18,34,34]{}", "bf16[256,2,15,31,31]{}"
CALL = (
    "  %{name} = ({made}, u8[0]{{0}}) custom-call(%{first}, %{second}), window={{size={window} "
    "stride=2x2x2}}, dim_labels=bf012_oi012->bf012, "
    'custom_call_target="__cudnn$conv{direction}", backend_config={{}}'
)
PROGRAM = "\n".join(
    [
        f"  %big.1 = {BIG} parameter(0)",
        f"  %small.1 = {SMALL} parameter(1)",
        f"  %kernel.1 = {KERNEL} parameter(2)",
        f"  %blown_up.1 = {BLOWN_UP} fusion(%big.1)",
        f"  %as_kernel.1 = {AS_KERNEL} fusion(%small.1)",
    ]
    + [
        CALL.format(
            name=name, made=made, first=first, second=second, window=window, direction=direction
        )
        for name, made, first, second, window, direction in (
            ("down.1", SMALL, "big.1", "kernel.1", "4x4x4", "Forward"),
            ("up.1", BIG, "small.1", "kernel.1", "4x4x4", "BackwardInput"),
            ("gradient.1", KERNEL, "big.1", "small.1", "4x4x4", "BackwardFilter"),
        )
    ]
)
POINTWISE = (
    "  %mixed.1 = (bf16[2,64,16,32,32]{}, u8[0]{}) custom-call(%big.1, %weights.1, %bias.1), "
    'dim_labels=bf012_oi012->bf012, custom_call_target="__cudnn$convBiasActivationForward"'
)
NAIVE = CALL.format(
    name="naive.1",
    made="bf16[128,256,4,4,4]{}",
    first="blown_up.1",
    second="as_kernel.1",
    window="15x31x31",
    direction="Forward",
)


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))  # the benchmark sets variables
    monkeypatch.syspath_prepend("benchmarks/scale")
    import compiled

    return compiled


def test_each_direction_of_a_layer_has_the_same_arithmetic(compiled):
    layer = 2 * (2 * 8 * 16 * 16) * 256 * 128 * 4**3
    found = list(compiled._CUDNN.finditer(PROGRAM))
    assert [match["layout"] for match in found] == ["bf012_oi012->bf012"] * 3
    assert compiled._operations(PROGRAM, found) == 3 * layer
    text = f"{PROGRAM}\n  %weights.1 = bf16[64,128,1,1,1]{{}} parameter(3)\n{POINTWISE}"
    found = list(compiled._CUDNN.finditer(text))
    mixed = 2 * (2 * 16 * 32 * 32) * 128 * 64
    assert compiled._operations(text, found) == 3 * layer + mixed
    text = f"{PROGRAM}\n{NAIVE}"
    zeros_too = 2 * (128 * 256 * 4**3) * (15 * 31 * 31) * 2
    found = list(compiled._CUDNN.finditer(text))
    assert compiled._operations(text, found) == 3 * layer + zeros_too
