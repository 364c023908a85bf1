"""VGG-Face: equal to deepface's Keras definition, refused when the file is another one."""

import jax.numpy as jnp
import keras
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.recognizers import vggface
from fevgan_jax.runtime.errors import UserError
from tests import deepface_nets, slopes


@pytest.fixture(scope="module")
def peer():
    return deepface_nets.build("VGGFace")


@pytest.fixture(scope="module")
def params(peer, tmp_path_factory):
    path = tmp_path_factory.mktemp("vggface") / "weights.h5"
    deepface_nets.save(peer, path)
    return vggface.convert(path)


def keras_layers(peer):
    """Outputs of deepface's layers by our names: those that convolve or pool."""
    wanted = (keras.layers.Conv2D, keras.layers.MaxPooling2D)
    outputs = [layer.output for layer in peer.layers if isinstance(layer, wanted)]
    return keras.Model(peer.inputs, dict(zip(vggface.LAYERS, outputs, strict=True)))


def photos(side, batch=1):
    image = np.random.default_rng(0).uniform(-1, 1, (batch, side, side, 3))
    return jnp.asarray(image, jnp.float32)


def test_every_layer_equals_keras_on_the_crop_at_224_pixels(peer, params):
    crop = vggface.preprocess(photos(64))
    large = keras.ops.image.resize(np.asarray(crop), (224, 224), interpolation="bilinear")
    expected = keras_layers(peer)(large)
    ours = deepface_nets.every_layer(vggface.Network(features="logits"), params, crop)
    assert set(ours) == set(expected) == set(vggface.LAYERS)
    for name, maps in ours.items():
        deepface_nets.assert_close(maps.ravel(), np.ravel(expected[name]), name)
    assert ours["fc7"].shape == (1, 2, 2, 1024) and ours["logits"].shape == (1, 2622)


def test_the_papers_features_are_of_the_unresized_crop(params):
    maps = vggface.Network().apply({"params": params}, vggface.preprocess(photos(64)))
    assert maps.shape == (1, 4, 4, 1024)
    needed = recognizers.shapes("vggface", vggface.Network().features)
    assert len(needed) == 13  # no layer above conv5_3: 59 MB instead of 580


def test_the_gradient_reaches_the_picture(params):
    slopes.assert_gradient_reaches_the_picture("vggface", "pool4+conv5_3", params)


def test_preprocessing_is_bgr_minus_the_mean_face():
    red = jnp.array([1.0, -1.0, -1.0])
    np.testing.assert_allclose(
        vggface.preprocess(red), [-93.5940, -104.7624, 255 - 129.1863], rtol=1e-6
    )


def test_a_wrong_a_cut_off_and_a_missing_file_are_named(tmp_path):
    small = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    deepface_nets.save(small, tmp_path / "small.h5")
    with pytest.raises(UserError, match=r"small\.h5 does not hold VGG-Face: conv1_1 has"):
        vggface.convert(tmp_path / "small.h5")
    whole = (tmp_path / "small.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    for name in ("cut.h5", "none.h5"):
        with pytest.raises(UserError, match=f"{name} cannot be read"):
            vggface.convert(tmp_path / name)
    with pytest.raises(UserError, match="--net=vggface"):
        vggface.load(str(tmp_path))
