"""Options of the step: microbatches, bfloat16, remat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import demo
from fevgan_jax.convolutions import operations
from fevgan_jax.runtime import sharding
from fevgan_jax.training.family import build_family
from fevgan_jax.training.step import make_train_step
from tests import experiments, programs, tiny_config


def configured(**fields):
    config = tiny_config.get_config()
    config.update(fields)
    return config


SIZE = 16


@pytest.fixture(scope="module")
def start():
    _, state = experiments.start(configured())
    return state


def compiled(config, start, size=SIZE, **jit_options):
    step = jax.jit(make_train_step(config, build_family(config)), **jit_options)
    return step.lower(start, {}, batch_of(size)).compile()


@pytest.fixture(scope="module")
def plain(start):
    return compiled(configured(), start, SIZE // 2)


@pytest.fixture(scope="module")
def in_two(start):
    return compiled(configured(microbatches=2), start)


def batch_of(size, seed=0):
    batch = experiments.random_batch(size, seed, tiny_config.get_config().data.clip_shape)
    return batch | {"label": batch["label"] % 2}


def players(state):
    return {"generator": state.generator, "discriminator": state.discriminator}


def logged(state):
    return {name: float(value) for name, value in state.metrics.compute().items()}


def assert_close(tree, expected, tolerance):
    def close(a, b):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())

    jax.tree.map(close, tree, expected)


def test_microbatches_take_the_mean_gradient_and_see_statistics_one_after_another(
    start, plain, in_two
):
    halves = batch_of(SIZE // 2, seed=1), batch_of(SIZE // 2, seed=2)
    # Row r belongs to part r modulo 2.
    whole = jax.tree.map(lambda a, b: np.stack([a, b], 1).reshape(SIZE, *a.shape[1:]), *halves)
    together = in_two(start, {}, whole)
    apart = [plain(start, {}, half) for half in halves]

    for name, player in players(together).items():
        # After the first step Adam's first moment is half the gradient.
        gradients = [players(state)[name].optimizer[0].mu for state in apart]
        mean = jax.tree.map(lambda a, b: (a + b) / 2, *gradients)
        assert_close(player.optimizer[0].mu, mean, 1e-4)
        # Each part updates the statistics once, and no parameter changes between them.
        first = players(apart[0])[name].statistics
        between = start.replace(
            generator=start.generator.replace(statistics=apart[0].generator.statistics),
            discriminator=start.discriminator.replace(statistics=apart[0].discriminator.statistics),
        )
        expected = players(plain(between, {}, halves[1]))[name].statistics
        assert_close(player.statistics, expected, 1e-5)
        distance = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first, expected)
        assert max(jax.tree.leaves(distance)) > 1e-3

    values = [logged(state) for state in apart]
    mean = {name: np.mean([value[name] for value in values]) for name in values[0]}
    assert logged(together) == pytest.approx(mean, rel=1e-5)


def test_microbatches_do_not_depend_on_the_number_of_devices(start, in_two):
    mesh = sharding.make_mesh()
    everywhere, by_clip = sharding.replicated(mesh), sharding.batch_sharding(mesh)
    on_eight = compiled(
        configured(microbatches=2),
        start,
        in_shardings=(everywhere, everywhere, by_clip),
        out_shardings=everywhere,
    )
    batch = batch_of(SIZE)
    eight = on_eight(jax.device_put(start, everywhere), {}, sharding.to_global(batch, mesh))
    assert logged(eight) == pytest.approx(logged(in_two(start, {}, batch)), rel=1e-5)


def program(config, start):
    step = jax.jit(make_train_step(config, build_family(config)))
    return step.trace(start, {}, batch_of(SIZE // 2)).jaxpr.jaxpr


def test_bfloat16_is_what_accelerators_multiply(monkeypatch):
    monkeypatch.setattr(operations, "is_native", lambda *_: True)
    config = experiments.narrow(demo.get_config())
    frozen = {"vgg16": recognizers.shapes(**config.model.identity_encoder)}
    family, state = build_family(config), jax.eval_shape(lambda: experiments.start(config)[1])
    for config.compute_dtype in ("bfloat16", "float32"):
        step = make_train_step(config, family)
        program = jax.make_jaxpr(step)(state, frozen, experiments.random_batch(2))
        assert programs.multiplied(program.jaxpr) == {config.compute_dtype}


def test_accelerators_lay_whole_gradients_out_before_the_optimizer(start, monkeypatch):
    assert "optimization_barrier" not in str(program(configured(), start))
    monkeypatch.setattr(operations, "is_native", lambda *_: True)
    found = list(programs.equations(program(configured(microbatches=2), start)))
    names = [equation.primitive.name for equation in found]
    assert names.count("optimization_barrier") == 1  # after the parts' sum, for both players
    (barrier,) = (e for e in found if e.primitive.name == "optimization_barrier")
    parameters = jax.tree.leaves([player.params for player in players(start).values()])
    assert sorted(leaf.aval.shape for leaf in barrier.outvars) == sorted(
        leaf.shape for leaf in parameters
    )
    assert names.count("layout_constraint") == len(parameters)


def test_bfloat16_computes_in_it_and_keeps_float32(start, plain):
    batch, config = batch_of(SIZE // 2), configured(compute_dtype="bfloat16")
    step = compiled(config, start, SIZE // 2)
    state, exact = step(start, {}, batch), plain(start, {}, batch)
    assert jax.tree.map(lambda x: x.dtype, state) == jax.tree.map(lambda x: x.dtype, start)
    assert logged(state)["generator_loss"] == pytest.approx(
        logged(exact)["generator_loss"], rel=1e-2
    )
    for name, player in players(state).items():
        expected = players(exact)[name].statistics
        assert_close(player.statistics, expected, 3e-2)
        for leaf in jax.tree.leaves(player.statistics):
            # Sums over the batch are float32: bfloat16 has too few digits for them.
            assert np.any(leaf != leaf.astype(jnp.bfloat16).astype(jnp.float32))

    # A running average changes by less than bfloat16 resolves.
    nudged = {
        name: player.replace(statistics=jax.tree.map(lambda x: x + 1e-4, player.statistics))
        for name, player in players(start).items()
    }
    moved = players(step(start.replace(**nudged), {}, batch))
    for name, decays in (("generator", 0.9), ("discriminator", 0.9**2)):
        pairs = (moved[name].statistics, players(state)[name].statistics)
        for own, before in zip(*map(jax.tree.leaves, pairs), strict=True):
            np.testing.assert_allclose(own - before, 1e-4 * decays, rtol=0.02)


def test_remat_computes_the_same_step(start, plain):
    batch, config = batch_of(SIZE // 2), configured(remat=True)
    assert "remat" in str(program(config, start))
    assert "remat" not in str(program(configured(), start))
    remat = compiled(config, start, SIZE // 2)
    a, b = plain(start, {}, batch), remat(start, {}, batch)
    assert logged(a) == pytest.approx(logged(b), rel=1e-5)
    assert_close(b.generator.optimizer[0].mu, a.generator.optimizer[0].mu, 1e-4)
    assert_close(b.generator.statistics, a.generator.statistics, 1e-5)
