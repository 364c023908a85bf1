"""FEV-GAN's networks: the paper's shapes and counts, BatchNorm's rules, the ablations."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models.fevgan import Discriminator, Generator

IDENTITY = 8
SMALL = Generator(encoder_features=(2, 3, 4, 5), decoder_features=(8, 6, 4, 3))
JUDGE = Discriminator(features=(3, 4, 5, 6))


def make_condition(batch=2, *, identity=IDENTITY):
    keys = jax.random.split(jax.random.key(7), 2)
    condition = {
        "image": jax.random.uniform(keys[0], (batch, 64, 64, 3), minval=-1.0),
        "label": jnp.arange(batch) % 6,
    }
    if identity:
        condition["identity"] = jax.random.normal(keys[1], (batch, 4, 4, identity))
    return condition


@functools.cache
def small_variables():
    condition = make_condition()
    video = jnp.zeros((2, 32, 64, 64, 3))
    generator = jax.jit(functools.partial(SMALL.init, train=True))
    judge = jax.jit(functools.partial(JUDGE.init, train=True))
    return generator(jax.random.key(0), condition), judge(jax.random.key(1), video, condition)


@functools.partial(jax.jit, static_argnames="train")
def generate(variables, condition, *, train):
    return SMALL.apply(variables, condition, train=train, mutable=["batch_stats"])


@functools.partial(jax.jit, static_argnames="train")
def judge(variables, video, condition, *, train):
    return JUDGE.apply(variables, video, condition, train=train, mutable=["batch_stats"])


def count(shapes):
    return sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(shapes))


def full_shapes(network, *inputs):
    return jax.eval_shape(functools.partial(network.init, train=True), jax.random.key(0), *inputs)


@pytest.mark.parametrize(
    ("encoder", "identity"), [((64, 128, 256, 512), 1024), ((), 1024), ((64, 128, 256, 512), 0)]
)
def test_the_papers_generator_has_the_papers_parameters(encoder, identity):
    variables = full_shapes(Generator(encoder_features=encoder), make_condition(identity=identity))
    widths = (3, *encoder)
    expected = sum(16 * a * b + 2 * b for a, b in zip(widths, encoder, strict=False))
    code = identity + (512 if encoder else 0) + 6
    expected += 2 * code * 1024 + 2 * 1024
    widths = (1024, 512, 256, 128)
    expected += sum(64 * a * b + 2 * b for a, b in itertools.pairwise(widths))
    expected += 64 * 128 * 3 + 3
    assert count(variables["params"]) == expected


def test_the_papers_discriminator_has_the_papers_parameters():
    video = jax.ShapeDtypeStruct((2, 32, 64, 64, 3), jnp.float32)
    variables = full_shapes(Discriminator(), video, make_condition())
    expected = 64 * (3 + 6) * 64 + 64
    widths = (64, 128, 256, 512)
    expected += sum(64 * a * b + 2 * b for a, b in itertools.pairwise(widths))
    expected += 2 * 4 * 4 * 512 + 1
    assert count(variables["params"]) == expected


def test_shapes_and_ranges():
    generator, discriminator = small_variables()
    condition = make_condition()
    outputs, _ = generate(generator, condition, train=True)
    assert outputs["video"].shape == (2, 32, 64, 64, 3)
    assert float(jnp.abs(outputs["video"]).max()) <= 1.0
    logits, _ = judge(discriminator, outputs["video"], condition, train=True)
    assert logits["real_fake"].shape == (2,)


def test_everything_is_float32():
    for variables in small_variables():
        assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_a_dark_background_computed_in_bfloat16_is_not_flat():
    generator, discriminator = small_variables()
    in_bfloat16 = functools.partial(
        jax.tree.map, lambda x: x.astype(jnp.bfloat16) if x.dtype == jnp.float32 else x
    )
    bias = {"bias": jnp.full(3, -4.0)}
    params = generator["params"] | {"video": generator["params"]["video"] | bias}
    dark = {"params": in_bfloat16(params), "batch_stats": generator["batch_stats"]}
    condition = in_bfloat16(make_condition())
    video = generate(dark, condition, train=False)[0]["video"]
    assert video.dtype == jnp.float32
    np.testing.assert_allclose(video, np.tanh(-4.0), atol=1e-4)
    logits, _ = judge(in_bfloat16(discriminator), in_bfloat16(video), condition, train=False)
    assert logits["real_fake"].dtype == jnp.float32


def test_bias_only_where_no_batch_norm_follows():
    generator, discriminator = (variables["params"] for variables in small_variables())
    norm = {name for name in generator if "norm" in name}
    assert len(norm) == 8
    assert {name for name in generator if "bias" in generator[name]} - norm == {"video"}
    biased = {name for name in discriminator if "bias" in discriminator[name]}
    assert biased == {"layer_0", "logit", "norm_1", "norm_2", "norm_3"}


def test_only_the_middle_layers_of_the_discriminator_are_normalised():
    _, discriminator = small_variables()
    assert set(discriminator["batch_stats"]) == {"norm_1", "norm_2", "norm_3"}
    assert [discriminator["batch_stats"][f"norm_{i}"]["mean"].size for i in (1, 2, 3)] == [4, 5, 6]


def test_training_moves_the_averages_and_sampling_does_not():
    variables, _ = small_variables()
    for train in (True, False):
        _, moved = generate(variables, make_condition(), train=train)
        same = jax.tree.map(
            lambda a, b: bool((a == b).all()), moved["batch_stats"], variables["batch_stats"]
        )
        assert set(jax.tree.leaves(same)) == {not train}


def test_a_photo_alone_gives_the_same_video_as_in_a_batch():
    variables, _ = small_variables()
    condition = make_condition()
    alone = jax.tree.map(lambda x: x[:1], condition)
    batched, _ = generate(variables, condition, train=False)
    single, _ = generate(variables, alone, train=False)
    np.testing.assert_allclose(batched["video"][:1], single["video"], atol=1e-6)
    moving, _ = generate(variables, condition, train=True)
    assert not np.allclose(moving["video"][:1], single["video"], atol=1e-3)


@pytest.mark.parametrize("part", ["label", "image", "identity"])
def test_every_part_of_the_condition_matters(part):
    variables, _ = small_variables()
    condition = make_condition()
    other = condition | {part: condition[part][::-1]}
    first, _ = generate(variables, condition, train=True)
    second, _ = generate(variables, other, train=True)
    assert float(jnp.abs(first["video"] - second["video"]).max()) > 1e-4


def test_the_label_matters_to_the_discriminator():
    _, variables = small_variables()
    video = jax.random.uniform(jax.random.key(3), (2, 32, 64, 64, 3), minval=-1.0)
    condition = make_condition()
    first, _ = judge(variables, video, condition, train=False)
    second, _ = judge(variables, video, {"label": condition["label"] + 2}, train=False)
    assert not np.allclose(first["real_fake"], second["real_fake"], atol=1e-7)


def test_ablations_are_data():
    everything = full_shapes(SMALL, make_condition())["params"]
    without_spatial = full_shapes(SMALL.clone(encoder_features=()), make_condition())["params"]
    without_identity = full_shapes(SMALL, make_condition(identity=0))["params"]
    assert not any(name.startswith("encoder") for name in without_spatial)
    assert everything["decoder_0"]["kernel"].shape == (2, 1, 1, 8, IDENTITY + 5 + 6)
    assert without_spatial["decoder_0"]["kernel"].shape == (2, 1, 1, 8, IDENTITY + 6)
    assert without_identity["decoder_0"]["kernel"].shape == (2, 1, 1, 8, 5 + 6)


def test_initial_kernels_are_drawn_with_deviation_002():
    variables, _ = small_variables()
    kernels = [
        layer["kernel"].ravel() for layer in variables["params"].values() if "kernel" in layer
    ]
    kernels = jnp.concatenate(kernels)
    assert abs(float(kernels.mean())) < 2e-3
    np.testing.assert_allclose(kernels.std(), 0.02, rtol=0.05)
