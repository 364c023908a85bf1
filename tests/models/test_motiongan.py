"""MotionGAN and its texture step: counts, landmarks that start at the photo's, a step of each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.configs.baseline import motiongan as motion_config
from fevgan_jax.configs.baseline import texturegan as texture_config
from fevgan_jax.models import motiongan, sphere, texturegan
from fevgan_jax.training.family import build_family
from fevgan_jax.training.step import make_train_step
from tests import experiments
from tests.models.test_baselines import count, shapes


def clip(rows=2):
    landmarks = jax.random.uniform(jax.random.key(0), (rows, 32, 68, 2), maxval=64.0)
    video = jax.random.uniform(jax.random.key(1), (rows, 32, 64, 64, 3), minval=-1.0)
    label = jnp.arange(rows) % 6
    return {"video": video, "photo": video[:, 0], "landmarks": landmarks, "label": label}


def condition(family, rows=2):
    return family.condition(clip(rows)) | {"key": jax.random.split(jax.random.key(2), rows)}


def test_parameters_are_those_of_the_published_system():
    outputs, params = shapes(motiongan.Generator(), condition(motiongan))
    assert outputs["landmarks"].shape == (2, 32, 68, 2)
    assert count(params) == 15_643_959
    assert count(shapes(motiongan.Discriminator(), outputs["point"], condition(motiongan))[1]) == (
        1_204_817
    )
    outputs, params = shapes(texturegan.Generator(), condition(texturegan))
    assert outputs["video"].shape == (2, 32, 64, 64, 3)
    assert count(params.pop("motion")) == 15_643_959
    assert count(params) == 29_246_659
    logits, params = shapes(texturegan.Discriminator(), outputs, condition(texturegan))
    assert logits["real_fake"].shape == (64, 7, 7, 1)
    assert count(params) == 668_481


def narrow_motion():
    module = motiongan.Generator(first_features=4, features=(4, 4, 4))
    return module, module.init({"params": jax.random.key(3)}, condition(motiongan), train=False)


def test_landmarks_start_at_the_photos_and_move_by_the_labels_length():
    module, variables = narrow_motion()
    given = condition(motiongan)
    still = module.apply(variables, given, train=False)["landmarks"]
    np.testing.assert_allclose(still[:, 5], given["photo_landmarks"], rtol=1e-5)  # no length yet
    outputs, moved = module.apply(variables, given, train=True, mutable=["sphere"])
    np.testing.assert_allclose(moved["sphere"]["lengths"][:2], given["length"], rtol=1e-6)
    made = module.apply(variables | moved, given, train=False)
    np.testing.assert_allclose(made["landmarks"][:, 0], given["photo_landmarks"], atol=1e-3)
    assert np.abs(made["landmarks"][:, -1] - made["landmarks"][:, 0]).max() > 1.0
    np.testing.assert_allclose(jnp.square(outputs["point"]).sum((1, 2)), 1.0, rtol=1e-5)


def test_motions_start_within_half_a_turn_of_the_mean_where_gradients_lead_back():
    module, given = motiongan.Generator(), condition(motiongan, rows=6)
    outputs, _ = module.init_with_output({"params": jax.random.key(4)}, given, train=True)
    assert (jnp.linalg.norm(outputs["tangent"], axis=(1, 2)) < jnp.pi / 2).all()


def test_a_motion_that_is_the_real_one_gives_the_real_landmarks():
    given = condition(motiongan)
    centre, size, shape = motiongan.normalised(given["photo_landmarks"])
    motion = sphere.to_curve(given["point"], given["length"])
    landmarks = (shape[:, None] + motion).reshape(2, 32, 68, 2) * size[:, None] + centre[:, None]
    of_shape = motiongan.normalised(clip()["landmarks"])[2]
    np.testing.assert_allclose(
        landmarks, of_shape.reshape(2, 32, 68, 2) * size[:, None] + centre[:, None], atol=2e-2
    )


def test_heat_maps_are_brightest_at_the_landmarks():
    landmarks = jnp.array([[[10.0, 20.0], [40.0, 5.0]]])
    maps = np.asarray(motiongan.heat_maps(landmarks, 64))[0, ..., 0]
    assert maps[20, 10] == maps[5, 40] == 1.0
    assert maps[20, 11] == pytest.approx(np.exp(-0.5))
    assert maps.sum() == pytest.approx(2 * 2 * np.pi, rel=1e-3)


def test_a_texture_step_sees_one_frame_of_each_clip_with_its_landmarks():
    number = jnp.arange(32.0)
    batch = clip(rows=16)
    batch["video"] = jnp.broadcast_to(number[:, None, None, None], (16, 32, 64, 64, 3))
    batch["landmarks"] = jnp.broadcast_to(number[:, None, None], (16, 32, 68, 2))
    cut = texturegan.augment(batch, jax.random.split(jax.random.key(0), 16), frames=1)
    assert cut["video"].shape == (16, 1, 64, 64, 3)
    np.testing.assert_array_equal(cut["video"][:, 0, 0, 0, 0], cut["landmarks"][:, 0, 0, 0])
    assert len(set(np.asarray(cut["landmarks"][:, 0, 0, 0]).tolist())) > 4
    given = texturegan.condition(cut)
    np.testing.assert_array_equal(given["photo_landmarks"], batch["landmarks"][:, 0])


def config_of(module):
    config = experiments.narrow(module.get_config())
    if "identity" in config.generator_loss:
        del config.generator_loss.identity
    config.initial_parts = {}
    return config


def test_the_critic_and_the_generator_keep_the_mean_motion():
    config = config_of(motion_config)
    family, state = experiments.start(config)
    new = jax.jit(make_train_step(config, family))(state, {}, experiments.batch_for(config, family))
    assert new.generator.statistics["sphere"]["mean"]["batches"] == 1
    assert new.discriminator.statistics["sphere"]["mean"]["batches"] == 8  # real and fake, 4 steps
    values = new.metrics.compute()
    assert {"generator_tangent", "generator_geodesic", "discriminator_gradient_penalty"} <= set(
        values
    )
    assert all(np.isfinite(value) for value in values.values())


def test_a_texture_step_leaves_the_motion_alone():
    config = config_of(texture_config)
    family, state = experiments.start(config)
    new = jax.jit(make_train_step(config, family))(state, {}, experiments.batch_for(config, family))
    old, kept = state.generator, new.generator
    jax.tree.map(np.testing.assert_array_equal, old.params["motion"], kept.params["motion"])
    jax.tree.map(np.testing.assert_array_equal, old.statistics["sphere"], kept.statistics["sphere"])
    assert np.abs(old.params["rgb"]["kernel"] - kept.params["rgb"]["kernel"]).max() > 0


def test_both_families_show_a_video():
    for module in (motion_config, texture_config):
        config = config_of(module)
        family = build_family(config)
        batch = family.examples(
            {name: value for name, value in clip().items() if name in (*family.features, "photo")}
        )
        keys = jax.random.split(jax.random.key(2), 2)
        given = family.condition(batch, {}, keys, 1.0)
        outputs, _ = family.generator.init_with_output(
            {"params": jax.random.key(0)}, given, train=False
        )
        assert family.to_video(outputs, given).shape == (2, 32, 64, 64, 3)
