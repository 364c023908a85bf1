"""What the compiled step sends from device to device."""

import jax
import pytest

from benchmarks.scale import scaling
from fevgan_jax.convolutions import operations
from fevgan_jax.runtime import sharding
from tests import experiments


@pytest.fixture(scope="module")
def program():
    with pytest.MonkeyPatch.context() as patch:
        # As accelerators run them: those of the CPU work a kernel off in a loop.
        patch.setattr(operations, "is_native", lambda *_: True)
        config = experiments.without_frozen_nets()
        # The full model's proportions, for a gradient to outweigh its layer's statistics.
        config.model.generator.encoder_features = (16, 32, 64, 128)
        config.model.generator.decoder_features = (256, 128, 64, 32)
        config.model.discriminator.features = (16, 32, 64, 128)
        compiled, parameters = scaling.compile_step(config, 8, sharding.make_mesh())
        return compiled.as_text(), parameters


def test_a_step_sums_gradients_statistics_and_metrics_and_sends_nothing_else(program):
    text, parameters = program
    found = scaling.collectives(text)
    assert set(found) == {"all-reduce"}
    assert " while(" not in text  # each is done once
    # The discriminator's gradients of real and of fake clips are summed apart: XLA's CPU compiler
    # lacks the pass (all-reduce-reassociate) by which its GPU compiler sums them once.
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
