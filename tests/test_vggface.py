import h5py
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from fevgan_jax.errors import UserError
from fevgan_jax.recognizers import vggface

WIDTHS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@pytest.fixture(scope="module")
def peer():
    """The trunk in Keras with random weights: its pool4 and conv5_3."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input((64, 64, 3))
    for width, count in WIDTHS:
        for i in range(count):
            x = keras.layers.ZeroPadding2D(1)(x)
            x = keras.layers.Conv2D(width, 3, activation="relu", bias_initializer="random_normal")(
                x
            )
            if width == 512 and i == 2:
                last = x
        x = keras.layers.MaxPooling2D(2, 2)(x)
        if x.shape[1] == 4:
            pool4 = x
    top = keras.layers.Conv2D(8, 2)(x)
    return keras.Model(image, [pool4, last, top])


def test_a_keras_file_converts_to_the_same_features(peer, tmp_path):
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        save_weights_to_hdf5_group(file, peer)
    params = vggface.convert(tmp_path / "weights.h5")
    image = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    seen = np.asarray(vggface.preprocess(jnp.asarray(image)))
    pool4, conv5_3, _ = (np.asarray(part) for part in peer(seen))
    parts = [p / np.sqrt(np.square(p).mean((1, 2, 3), keepdims=True)) for p in (pool4, conv5_3)]
    ours = vggface.Network().apply({"params": params}, seen)
    np.testing.assert_allclose(ours, np.concatenate(parts, -1), rtol=1e-3, atol=1e-3)


def test_preprocessing_is_bgr_minus_the_mean_face():
    red = jnp.array([1.0, -1.0, -1.0])
    np.testing.assert_allclose(
        vggface.preprocess(red), [-93.5940, -104.7624, 255 - 129.1863], rtol=1e-6
    )


def test_a_wrong_a_cut_off_and_a_missing_file_are_named(peer, tmp_path, monkeypatch):
    small = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    with h5py.File(tmp_path / "small.h5", "w") as file:
        save_weights_to_hdf5_group(file, small)
    with pytest.raises(UserError, match=r"small\.h5 does not hold VGG-Face"):
        vggface.convert(tmp_path / "small.h5")
    whole = (tmp_path / "small.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.h5 cannot be read"):
        vggface.convert(tmp_path / "cut.h5")
    with pytest.raises(UserError, match="--net=vggface"):
        vggface.load(str(tmp_path))
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path))
    with pytest.raises(UserError, match="--source"):
        vggface.default_source()
