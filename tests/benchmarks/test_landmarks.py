"""benchmarks/quality/landmarks.py: motions of landmarks, and pictures of given ones."""

import types

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.quality import landmarks
from fevgan_jax.configs.baseline import texturegan
from fevgan_jax.training.family import build_family


def test_a_face_that_only_moves_and_grows_stands_still():
    shape = jax.random.normal(jax.random.key(0), (1, 1, 68, 2))
    steps = jnp.arange(4.0)[None, :, None, None]
    moved = (1.0 + 0.1 * steps) * shape + 3.0 * steps + 20.0
    still = landmarks.without_place_and_size(moved)
    np.testing.assert_allclose(still, jnp.broadcast_to(moved[:, :1], moved.shape), atol=1e-4)
    speaks = moved.at[:, 2, 60:].add(1.0)
    assert np.abs(landmarks.without_place_and_size(speaks)[:, 2] - still[:, 2]).max() > 0.5


def test_pictures_are_of_the_landmarks_that_are_given():
    config = texturegan.get_config()
    config.model.generator = {
        "motion_features": (4, 4, 4),
        "encoder_features": (4,) * 6,
        "decoder_features": (4,) * 5,
    }
    family = build_family(config)
    photo = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    there = np.full((1, 68, 2), 20.0, np.float32)
    clips = {"photo": photo, "photo_landmarks": there, "label": np.zeros(1, np.int32)}
    keys = jax.random.split(jax.random.key(0), 1)
    condition = family.condition(family.examples(clips), {}, keys, 1.0)
    variables = family.generator.init({"params": jax.random.key(1)}, condition, train=False)
    # Larger than the initial values, so that the landmarks are seen in the pictures.
    variables |= {"params": jax.tree.map(lambda x: 5.0 * x, variables["params"])}
    state = types.SimpleNamespace(sampler=types.SimpleNamespace(variables=variables))
    model = types.SimpleNamespace(family=family, state=state, frozen={})
    here = jnp.broadcast_to(there[:, None], (1, 32, 68, 2))
    still, moved = (
        landmarks.textured(model, clips, keys, given) for given in (here, here.at[:, 9].add(20.0))
    )
    np.testing.assert_array_equal(still[:, 9], still[:, 0])
    np.testing.assert_array_equal(moved[:, 8], still[:, 8])
    assert (moved[:, 9] != still[:, 9]).any()
