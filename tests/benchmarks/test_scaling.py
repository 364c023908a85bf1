"""The collectives of the compiled step."""

import jax
import pytest

from benchmarks.scale import scaling
from fevgan_jax.convolutions import operations
from fevgan_jax.runtime import sharding
from tests import experiments


@pytest.fixture(scope="module")
def program():
    with pytest.MonkeyPatch.context() as patch:
        # The accelerators' convolutions: the CPU's process a kernel in a loop.
        patch.setattr(operations, "is_native", lambda *_: True)
        config = experiments.without_frozen_nets()
        # The full model's proportions, so that a gradient is larger than its layer's statistics.
        config.model.generator.encoder_features = (16, 32, 64, 128)
        config.model.generator.decoder_features = (256, 128, 64, 32)
        config.model.discriminator.features = (16, 32, 64, 128)
        compiled, parameters = scaling.compile_step(config, 8, sharding.make_mesh())
        return compiled.as_text(), parameters


def test_a_step_sends_only_sums_of_gradients_statistics_and_metrics(program):
    text, parameters = program
    found = scaling.collectives(text)
    assert set(found) == {"all-reduce"}
    assert " while(" not in text  # each collective runs once
    # The discriminator's gradients of real and of fake clips are reduced apart: XLA's CPU compiler
    # lacks the pass (all-reduce-reassociate) by which its GPU compiler reduces them once.
    gradients = parameters["generator"] + 2 * parameters["discriminator"]
    assert gradients < sum(found["all-reduce"]) <= 1.02 * gradients


def test_every_kind_of_collective_is_counted():
    text = """
      %a = f32[4,3]{1,0} all-gather(%x), dimensions={0}
      %b = (f32[8]{0}, bf16[2]{0}) all-reduce(%x, %y), to_apply=%add
      %c = f32[] all-reduce-start(%x), to_apply=%add
      %d = (f32[1]{0}, u8[5]{0}) collective-permute(%x)
      %e = f32[9]{0} add(%all-gather, %x)
    """
    assert scaling.collectives(text) == {
        "all-gather": [48],
        "all-reduce": [36, 4],
        "collective-permute": [9],
    }
    mesh = sharding.make_mesh()
    rows = jax.ShapeDtypeStruct((8, 5), "float32", sharding=sharding.batch_sharding(mesh))
    gather = jax.jit(lambda x: x, out_shardings=sharding.replicated(mesh))
    assert set(scaling.collectives(gather.lower(rows).compile().as_text())) == {"all-gather"}
