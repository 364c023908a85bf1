import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import base, demo
from fevgan_jax.models.inputs import to_pixels, to_signed
from fevgan_jax.runtime import sharding
from fevgan_jax.training import losses
from fevgan_jax.training.programs import lower_train_step
from fevgan_jax.training.sampling import clip_keys, make_sample_step
from fevgan_jax.training.step import make_train_step
from tests import experiments


@pytest.fixture(scope="module")
def experiment():
    config = experiments.without_frozen_nets()
    family, state = experiments.start(config)
    return config, family, state


def naive_step(config, family, state, batch):
    """Algorithm 1 with every pass written out and every gradient taken separately."""
    video, label = to_signed(batch["video"]), batch["label"]
    condition = {"image": video[:, 0], "label": label}

    def generate(params):
        variables = {"params": params, **state.generator.statistics}
        outputs, moved = family.generator.apply(
            variables, condition, train=True, mutable=["batch_stats"]
        )
        return outputs["video"], moved

    def judge(params, statistics, seen):
        logits, moved = family.discriminator.apply(
            {"params": params, **statistics},
            seen,
            condition,
            train=True,
            mutable=["batch_stats"],
        )
        return logits["real_fake"], moved

    start = state.discriminator

    def discriminator_loss(params):
        real, after_real = judge(params, start.statistics, video)
        fake, after_fake = judge(params, after_real, generate(state.generator.params)[0])
        cross_entropy = optax.sigmoid_binary_cross_entropy
        loss = cross_entropy(real, jnp.ones_like(real)).mean()
        return loss + cross_entropy(fake, jnp.zeros_like(fake)).mean(), after_fake

    def generator_loss(params):
        fake, statistics = generate(params)
        logits, _ = judge(start.params, start.statistics, fake)
        adversarial = optax.sigmoid_binary_cross_entropy(logits, jnp.ones_like(logits)).mean()
        return adversarial + 100.0 * jnp.abs(fake - video).mean(), statistics

    def updated(player, loss):
        (value, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(player.params)
        optimizer = optax.adam(2e-4, b1=0.5)
        updates, _ = optimizer.update(gradient, optimizer.init(player.params), player.params)
        return optax.apply_updates(player.params, updates), statistics, value, gradient

    return updated(state.generator, generator_loss), updated(start, discriminator_loss)


def test_one_step_is_algorithm_1(experiment):
    config, family, state = experiment
    batch = experiments.random_batch(4)
    new = jax.jit(make_train_step(config, family))(state, {}, batch)
    generator, discriminator = jax.jit(lambda state: naive_step(config, family, state, batch))(
        state
    )
    for player, (params, statistics, loss, gradient), name in (
        (new.generator, generator, "generator_loss"),
        (new.discriminator, discriminator, "discriminator_loss"),
    ):
        np.testing.assert_allclose(new.metrics.compute()[name], loss, rtol=1e-5)
        # The generator's loss must not change the discriminator's statistics: these are those of
        # one real and one fake pass.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
            player.statistics,
            statistics,
        )
        # Adam's first step is the gradient's sign: its second moment has the size.
        adam = player.optimizer[0]
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(
                a, 0.5 * b, rtol=1e-3, atol=1e-4 * np.abs(b).max()
            ),
            adam.mu,
            gradient,
        )
        assert jax.tree.structure(player.params) == jax.tree.structure(params)
    assert int(new.step) == 1
    assert int(new.failed_step) == -1


def test_eight_devices_equal_one(experiment):
    config, family, start = experiment
    step = make_train_step(config, family)

    def losses_on(devices):
        mesh = sharding.make_mesh(devices)
        everywhere = sharding.replicated(mesh)
        jitted = jax.jit(
            step,
            in_shardings=(everywhere, everywhere, sharding.batch_sharding(mesh)),
            out_shardings=everywhere,
        )
        state, seen = jax.device_put(start, everywhere), []
        for number in range(2):
            state = jitted(
                state, {}, sharding.to_global(experiments.random_batch(8, seed=number), mesh)
            )
            seen.append({name: float(v) for name, v in state.metrics.compute().items()})
        return seen, state

    (one, state_one), (eight, state_eight) = losses_on(jax.devices()[:1]), losses_on(jax.devices())
    for a, b in zip(one, eight, strict=True):
        assert a == pytest.approx(b, rel=1e-5)
    # Statistics are the global batch's: one device's would differ in the second digit.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        state_one.discriminator.statistics,
        state_eight.discriminator.statistics,
    )


def test_a_photo_alone_gives_the_same_video_as_in_a_batch(experiment):
    config, family, state = experiment
    state = jax.jit(make_train_step(config, family))(state, {}, experiments.random_batch(4))
    sample = jax.jit(make_sample_step(family))
    batch = experiments.random_batch(4, seed=1)
    batch = {"photo": batch["video"][:, 0], "label": batch["label"]}
    keys = clip_keys(0, "abcd")
    together = sample(state.sampler.variables, {}, batch, keys)
    one = {name: rows[2:3] for name, rows in batch.items()}
    alone = sample(state.sampler.variables, {}, one, keys[2:3])
    # One grey level: a float near a rounding boundary may be rounded either way.
    assert np.abs(alone[0].astype(int) - together[2].astype(int)).max() <= 1


def test_given_features_are_not_computed_again(random_nets):
    config = experiments.narrow(demo.get_config())
    frozen, _ = recognizers.load([config.model.identity_encoder], None)
    family, state = experiments.start(config)
    step = jax.jit(make_train_step(config, family))
    batch = experiments.random_batch(2)
    photos = to_signed(batch["video"][:, 0])
    known = jax.jit(functools.partial(recognizers.encode, config.model.identity_encoder))(
        frozen, photos
    )

    def losses_of(batch):
        values = step(state, frozen, batch).metrics.compute()
        return {name: float(value) for name, value in values.items()}

    alone, given, other = (
        losses_of(batch | more) for more in ({}, {"identity": known}, {"identity": 9 * known})
    )
    for name, value in alone.items():
        np.testing.assert_allclose(value, given[name], rtol=1e-5)
    reconstruction = "generator_reconstruction"
    assert other[reconstruction] != pytest.approx(alone[reconstruction], rel=1e-5)
    assert other["generator_identity"] > 4 * alone["generator_identity"]  # L_id's target


def test_a_run_without_a_discriminator_loss_has_no_discriminator():
    config = experiments.of_key_frames()
    family, state = experiments.start(config)
    assert not jax.tree.leaves(state.discriminator)
    batch = experiments.random_batch(2, clip_shape=config.data.clip_shape)
    state = jax.jit(make_train_step(config, family))(state, {}, batch)
    assert set(state.metrics.compute()) == {"generator_loss", "generator_reconstruction"}


def test_the_average_follows_the_generator(experiment):
    config, family, state = experiment
    new = jax.jit(make_train_step(config, family))(state, {}, experiments.random_batch(4))
    decay = 0.1  # the decay of the first step
    for name in ("params", "statistics"):
        jax.tree.map(
            lambda average, old, new: np.testing.assert_allclose(
                average, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-7
            ),
            getattr(new.average, name),
            getattr(state.generator, name),
            getattr(new.generator, name),
        )
    assert new.sampler.params is new.average.params


def test_the_first_step_that_is_not_finite_is_named(experiment):
    config, family, state = experiment
    step = jax.jit(make_train_step(config, family))
    state = step(state, {}, experiments.random_batch(4))
    broken = jax.tree.map(lambda x: x * jnp.nan, state.generator.params)
    state = state.replace(generator=state.generator.replace(params=broken))
    for _ in range(2):
        state = step(state, {}, experiments.random_batch(4))
    assert int(state.failed_step) == 2


def test_a_frozen_net_stays_frozen_and_its_loss_reaches_the_generator(random_nets):
    config = experiments.narrow(base.get_config())
    config.generator_loss.adversarial = 0.0
    config.generator_loss.reconstruction = 0.0
    frozen, _ = recognizers.load([config.model.identity_encoder], None)
    before = jax.tree.map(np.array, frozen)
    family, state = experiments.start(config)
    new = jax.jit(make_train_step(config, family))(state, frozen, experiments.random_batch(2))
    jax.tree.map(np.testing.assert_array_equal, before, frozen)
    assert float(new.metrics.compute()["generator_identity"]) > 0
    moved = jax.tree.map(
        lambda a, b: float(jnp.abs(a - b).max()), state.generator.params, new.generator.params
    )
    assert all(leaf > 0 for leaf in jax.tree.leaves(moved))
    # No trained, averaged or saved array has the shape of the frozen trunk's.
    trunk = {leaf.shape for leaf in jax.tree.leaves(frozen) if leaf.ndim == 4}
    assert not trunk & {leaf.shape for leaf in jax.tree.leaves(new) if hasattr(leaf, "shape")}


def test_pixels_survive_the_conversion_to_floats_and_back():
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(to_signed(pixels)), pixels)
    assert to_signed(np.array([0, 255], np.uint8)).tolist() == [-1.0, 1.0]


def test_every_term_of_the_base_config_is_known():
    config = base.get_config()
    assert set(config.generator_loss) <= set(losses.GENERATOR_LOSSES)
    assert set(config.discriminator_loss) <= set(losses.DISCRIMINATOR_LOSSES)


def test_a_compiled_step_is_sharded_and_takes_over_its_state(experiment):
    config, family, state = experiment
    mesh = sharding.make_mesh()
    batch = experiments.random_batch(8)
    step = lower_train_step(config, family, mesh, state, {}, batch).compile()
    (of_state, _, of_batch), _ = step.input_shardings
    for leaf in jax.tree.leaves(of_state):
        assert leaf.is_fully_replicated
    for leaf in jax.tree.leaves(of_batch):
        assert leaf.is_equivalent_to(sharding.batch_sharding(mesh), 1)
    trained = (state.generator, state.discriminator)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(trained))
    assert step.memory_analysis().alias_size_in_bytes >= size
