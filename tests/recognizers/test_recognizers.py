"""Common properties of the frozen nets: any can be E_id or the embedder by a config line."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import demo
from fevgan_jax.convolutions import operations
from fevgan_jax.models import fevgan
from fevgan_jax.recognizers import vgg16
from fevgan_jax.runtime.errors import UserError
from tests import experiments, programs

ENCODERS = {
    ("vgg16", "pool4+conv5_3"): 1024,
    ("vggface", "pool4+conv5_3"): 1024,
    ("vggface", "fc7"): 1024,
    ("openface", "inception_4e"): 1024,
    ("openface", "embedding"): 128,
    ("dlib_resnet", "level1"): 256,
    ("dlib_resnet", "embedding"): 128,
}
"""Nets and features, and their numbers of maps."""


@pytest.mark.parametrize(("name", "features"), ENCODERS)
def test_any_net_is_the_identity_encoder_by_a_config_line(name, features):
    config = experiments.narrow(demo.get_config())
    config.model.identity_encoder = {"name": name, "features": features}
    config.discriminator_loss = {}
    del config.generator_loss.identity
    state = jax.eval_shape(lambda: experiments.start(config)[1])
    code = state.generator.params["decoder_0"]["kernel"].shape[-1]
    assert code == ENCODERS[name, features] + 4 + 6  # E_id, E_s narrowed, labels


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize(("name", "features"), ENCODERS)
def test_the_shape_of_features_is_known_without_a_run(name, features, side):
    encoder, images = {"name": name, "features": features}, (3, side, side, 3)
    frozen = {name: recognizers.shapes(**encoder)}
    run = functools.partial(recognizers.encode, encoder)
    seen = jax.eval_shape(run, frozen, jax.ShapeDtypeStruct(images, jnp.float32))
    assert recognizers.encoded_shape(encoder, images) == seen.shape


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "features"), ENCODERS)
def test_a_net_computes_in_the_dtype_of_its_parameters(name, features, dtype, monkeypatch):
    monkeypatch.setattr(operations, "is_native", lambda *_: True)
    encoder = {"name": name, "features": features}
    params = {
        name: jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), recognizers.shapes(**encoder)
        )
    }
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), "float32")
    program = jax.make_jaxpr(functools.partial(recognizers.encode, encoder))(params, image)
    assert programs.multiplied(program.jaxpr, {"conv_general_dilated"}) == {dtype}
    assert [out.dtype for out in program.out_avals] == [jnp.float32]


def test_bfloat16_features_are_close_to_those_of_float32():
    encoder = {"name": "vgg16", "features": "pool4+conv5_3"}
    frozen, _ = recognizers.load([encoder], None)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    run = jax.jit(functools.partial(recognizers.encode, encoder))
    exact = run(frozen, images)
    rounded = run(jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), frozen), images)
    assert 0 < np.abs(rounded - exact).mean() < 0.02 * np.abs(exact[0] - exact[1]).mean()


@pytest.mark.parametrize(("side", "repeats"), [(1, True), (2, True), (3, False), (6, False)])
def test_maps_of_any_grid_are_brought_to_the_codes(side, repeats):
    maps = jnp.arange(side * side, dtype=jnp.float32).reshape(1, side, side, 1)
    code = fevgan._on_code_grid(maps)
    assert code.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(code.mean(), maps.mean(), rtol=1e-5)
    if repeats:
        expected = np.repeat(np.repeat(maps, 4 // side, 1), 4 // side, 2)
        np.testing.assert_array_equal(code, expected)
    np.testing.assert_array_equal(fevgan._on_code_grid(code), code)


def test_an_embedding_is_repeated_at_every_position():
    code = fevgan._on_code_grid(jnp.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(code, np.broadcast_to([1.0, 2.0], (1, 4, 4, 2)))


def test_only_the_layers_in_use_are_loaded(tmp_path):
    shallow = {"name": "vgg16", "features": "conv1_2"}
    deeper = {"name": "vgg16", "features": "conv2_1"}
    frozen, hashes = recognizers.load([shallow, deeper], str(tmp_path))
    assert set(frozen["vgg16"]) == {"conv1_1", "conv1_2", "conv2_1"}
    everything, whole = vgg16.load(str(tmp_path))
    assert len(everything) == 13 and hashes == {"vgg16": whole}


def test_every_net_states_its_source_license_and_protocol():
    assert set(recognizers.known()) == {name for name, _ in ENCODERS}
    for name in recognizers.known():
        module = recognizers.module(name)
        for text in (module.SOURCE, module.LICENSE, module.PROTOCOL):
            assert text
    with pytest.raises(UserError, match="no frozen net 'vgg61'"):
        recognizers.module("vgg61")
