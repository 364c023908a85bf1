"""OpenFace: equal to deepface's Keras definition, refused when it is another file."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fevgan_jax import recognizers, weights
from fevgan_jax.recognizers import openface
from fevgan_jax.runtime.errors import UserError
from tests import deepface_nets, slopes


@pytest.fixture(scope="module")
def peer():
    return deepface_nets.build("OpenFace")


@pytest.fixture(scope="module")
def params(peer, tmp_path_factory):
    path = tmp_path_factory.mktemp("openface") / "weights.h5"
    deepface_nets.save(peer, path)
    return openface.convert(path)


def photos(side, batch=2):
    return jax.random.uniform(jax.random.key(0), (batch, side, side, 3), minval=-1.0)


def keras_layers(peer):
    """deepface's outputs by our names: each block's concatenation, and the first block's input."""
    joined = [layer for layer in peer.layers if isinstance(layer, keras.layers.Concatenate)]
    stem = peer.get_layer("inception_3a_1x1_conv").input
    outputs = [stem, *(layer.output for layer in joined), peer.output]
    return keras.Model(peer.inputs, dict(zip(openface.LAYERS, outputs, strict=True)))


def test_every_layer_equals_keras(peer, params):
    seen = openface.preprocess(photos(96))
    expected = keras_layers(peer)(np.asarray(seen))
    ours = deepface_nets.every_layer(openface.Network(), params, seen)
    assert set(ours) == set(expected)
    for name, maps in ours.items():
        deepface_nets.assert_close(maps, expected[name], name)
    np.testing.assert_allclose(jnp.linalg.norm(ours["embedding"], axis=-1), 1.0, rtol=1e-6)


def test_preprocessing_is_rgb_between_zero_and_one_at_96_pixels():
    red = jnp.broadcast_to(jnp.array([1.0, -1.0, 0.0]), (1, 64, 64, 3))
    seen = openface.preprocess(red)
    assert seen.shape == (1, 96, 96, 3)
    np.testing.assert_allclose(seen, np.broadcast_to([1.0, 0.0, 0.5], seen.shape), atol=1e-6)


def test_the_gradient_reaches_the_picture(params):
    slopes.assert_gradient_reaches_the_picture("openface", "embedding", params)


def test_a_window_without_a_signal_has_a_slope():
    silent = jnp.zeros((1, 6, 6, 2))
    slope = jax.grad(lambda x: openface._l2_pool(x, 3).sum())(silent)
    np.testing.assert_array_equal(slope, silent)


def test_a_given_file_is_converted_verified_and_loaded_by_layer(peer, params, tmp_path):
    deepface_nets.save(peer, tmp_path / "openface_weights.h5")
    folder = str(tmp_path / "weights")
    line = weights.get("openface", str(tmp_path / "openface_weights.h5"), folder)
    assert line == weights.get("openface", weights_dir=folder)
    needed = recognizers.shapes("openface", "stem")
    part, digest = openface.load(folder, needed)
    assert set(part) == {"conv1", "conv2", "conv3"} and digest in line
    jax.tree.map(np.testing.assert_array_equal, part, {name: params[name] for name in needed})


def test_another_nets_file_and_a_lost_layer_are_named(peer, tmp_path):
    without_bn1 = keras.layers.Conv2D(64, 7, name="conv1")
    other = keras.Sequential([keras.Input((8, 8, 3)), without_bn1])
    deepface_nets.save(other, tmp_path / "other.h5")
    with pytest.raises(UserError, match=r"other\.h5 does not hold OpenFace's layers: conv1 has N"):
        openface.convert(tmp_path / "other.h5")
    (tmp_path / "empty.h5").touch()
    with pytest.raises(UserError, match=r"empty\.h5 cannot be read"):
        openface.convert(tmp_path / "empty.h5")
    with pytest.raises(UserError, match="--net=openface"):
        openface.load(str(tmp_path))
