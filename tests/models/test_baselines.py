"""The systems of the paper's comparison: shapes, parameter counts and inputs."""

import importlib
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models import g3an, imaginator, mocogan, rvgan, vgan
from fevgan_jax.training import losses

CONDITION = {
    "image": jnp.zeros((2, 64, 64, 3)),
    "label": jnp.zeros(2, jnp.int32),
    "key": jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2)),
}
# Trainable parameters at 64 x 64 with six labels, by arithmetic from the systems' layer tables.
COUNTS = {
    "vgan": (16_245_383, 11_041_473),
    "cvgan": (12_660_196 + 16_392_839, 11_090_625),
    "mocogan": (3_298_836, 663_296 + 11_253_504),
    "imaginator": (75_406_451, 11_088_833 + 2_764_737),
    "g3an": (23_090_437, 8_347_009 + 2_764_737),
    "rvgan": (61_949_632, 8_347_009 + 2_764_737),
}
FRAMES = {"vgan": 32, "cvgan": 32, "mocogan": 16, "imaginator": 32, "g3an": 16, "rvgan": 16}


def shapes(module, *inputs):
    """Shapes of a module's outputs and parameters."""

    def draw(key, *inputs):
        return module.init_with_output({"params": key}, *inputs, train=False)

    outputs, variables = jax.eval_shape(draw, jax.random.key(0), *inputs)
    return outputs, variables["params"]


def count(params):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("name", COUNTS)
def test_shapes_and_parameters_are_those_of_the_published_system(name):
    family = importlib.import_module(f"fevgan_jax.models.{name}")
    outputs, params = shapes(family.Generator(), CONDITION)
    assert outputs["video"].shape == (2, FRAMES[name], 64, 64, 3)
    assert count(params) == COUNTS[name][0]
    logits, params = shapes(family.Discriminator(), outputs["video"], CONDITION)
    assert all(head.shape[0] == 2 for head in logits.values())
    assert all(head.dtype == jnp.float32 for head in logits.values())
    assert count(params) == COUNTS[name][1]


def test_parts_have_the_published_number_of_parameters():
    _, params = shapes(vgan.Generator(), CONDITION)
    streams = params["streams"]
    background = {name: part for name, part in streams.items() if name.startswith("background")}
    assert count(background) == 3_577_667
    _, params = shapes(mocogan.Generator(), CONDITION)
    assert count(params["gru"]) == 660
    _, params = shapes(imaginator.Generator(), CONDITION)
    encoder = {name: part for name, part in params.items() if name.startswith(("enc", "code"))}
    assert count(encoder) == 3_577_764
    _, params = shapes(g3an.Generator(), CONDITION)
    attention = {name: part for name, part in params.items() if name.startswith("attention")}
    assert count(attention) == 164_482
    _, params = shapes(rvgan.Generator(), CONDITION)
    cells = params["cells"]
    norms = [
        part for cell in cells.values() for name, part in cell.items() if name.endswith("norm")
    ]
    assert count(norms) == 7_995_392


def small(family, **fields):
    return family.Generator(features=(4,) * fields.pop("layers"), **fields)


def variables_and_condition(module, size=2):
    condition = {
        "image": jax.random.uniform(jax.random.key(1), (size, 64, 64, 3)),
        "label": jnp.arange(size) % 6,
        "key": jax.random.split(jax.random.key(0), size),
    }
    variables = module.init({"params": jax.random.key(2)}, condition, train=False)
    # Larger than the initial values, so that the outputs depend on every input.
    return variables | {"params": jax.tree.map(lambda x: 5.0 * x, variables["params"])}, condition


@pytest.mark.parametrize(
    "module",
    [
        small(vgan, layers=4),
        small(mocogan, layers=4),
        small(g3an, layers=5),
        small(rvgan, layers=5),
        imaginator.Generator(
            encoder_features=(4,) * 4, middle_features=(4,) * 5, decoder_features=(4,) * 4
        ),
    ],
    ids=["vgan", "mocogan", "g3an", "rvgan", "imaginator"],
)
def test_noise_makes_the_clip_and_each_row_has_its_own(module):
    variables, condition = variables_and_condition(module)
    apply = jax.jit(lambda condition: module.apply(variables, condition, train=False)["video"])
    video = np.asarray(apply(condition))
    other = np.asarray(apply(condition | {"key": condition["key"][::-1]}))
    size = np.abs(video - video.mean()).max()
    if not isinstance(module, imaginator.Generator | mocogan.Generator):
        np.testing.assert_allclose(other, video[::-1], atol=1e-4 * size)  # no other input
    assert np.abs(other[0] - video[0]).max() > 1e-3 * size


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rvgans_normalisation_is_layer_norm_over_whole_maps(dtype):
    maps, weights = (
        (jax.random.normal(key, (2, 4, 4, 3)) + 20.0).astype(dtype)
        for key in jax.random.split(jax.random.key(0))
    )
    axes = (1, 2, 3)
    exact = nn.LayerNorm(reduction_axes=axes, feature_axes=axes)
    params = jax.tree.map(
        lambda part: (part + weights[0]).astype(dtype),
        exact.init(jax.random.key(0), maps)["params"],
    )
    tolerance = 1e-4 if dtype == "float32" else 2e-2

    def gradients(norm):
        def weighted(params, maps):
            normed = norm.apply({"params": params}, maps)
            assert normed.dtype == dtype
            return (weights * normed).sum(dtype=jnp.float32)

        gradients = jax.value_and_grad(weighted, argnums=(0, 1))(params, maps)
        return jax.tree.map(lambda part: np.asarray(part, np.float32), gradients)

    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(
            ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max()
        ),
        gradients(rvgan.MapNorm()),
        gradients(exact),
    )


def test_vgan_mixes_a_moving_foreground_over_a_still_background():
    module = small(vgan, layers=4)
    variables, condition = variables_and_condition(module)
    outputs = module.apply(variables, condition, train=False)
    assert outputs["mask"].shape == (2, 32, 64, 64, 1)
    params = jax.tree.map(jnp.copy, variables["params"])
    params["streams"]["mask"]["bias"] += -1e3  # no foreground
    still = module.apply(variables | {"params": params}, condition, train=False)["video"]
    assert np.abs(np.diff(still, axis=1)).max() == 0.0
    context = losses.Context(outputs={"mask": jnp.array([0.25, 0.75])})
    assert vgan.mask(context) == 0.5


def test_mocogans_content_is_fixed_and_its_motion_changes():
    module = small(mocogan, layers=4)
    variables, condition = variables_and_condition(module)
    # With a motion code of 0 all frames are equal.
    params = jax.tree.map(jnp.copy, variables["params"])
    kernel = params["layer_0"]["kernel"]
    params["layer_0"]["kernel"] = kernel.at[..., module.content + 6 :].set(0.0)
    still = module.apply(variables | {"params": params}, condition, train=False)["video"]
    assert np.abs(np.diff(still, axis=1)).max() < 1e-6
    video = module.apply(variables, condition, train=False)["video"]
    assert np.abs(np.diff(video, axis=1)).max() > 1e-7


def test_imaginators_label_and_photo_reach_the_video():
    module = imaginator.Generator(
        encoder_features=(4,) * 4, middle_features=(4,) * 5, decoder_features=(4,) * 4
    )
    variables, condition = variables_and_condition(module)
    apply = jax.jit(lambda condition: module.apply(variables, condition, train=False)["video"])
    video = apply(condition)
    for name in ("image", "label"):
        other = apply(condition | {name: condition[name][::-1]})
        assert np.abs(other - video).max() > 1e-3 * np.abs(video).max()


def test_attention_is_initially_zero_and_mixes_along_its_axes():
    x = jax.random.normal(jax.random.key(0), (1, 3, 2, 2, 4))
    module = g3an.Attention(axes=(1,))
    variables = module.init({"params": jax.random.key(1)}, x)
    np.testing.assert_array_equal(module.apply(variables, x), x)
    params = variables["params"] | {"gamma": jnp.ones(())}
    attend = jax.jit(lambda x: module.apply(variables | {"params": params}, x))
    moved = attend(x.at[0, 2, 0, 0].add(1.0)) - attend(x)
    # Along time only: other positions of the frame do not change.
    assert np.abs(moved[0, 0, 0, 0]).max() > 1e-6
    assert np.abs(moved[0, :, 1]).max() == np.abs(moved[0, :, 0, 1]).max() == 0.0


def test_a_discriminators_frame_is_one_of_each_clip():
    video = jnp.arange(2 * 5.0).reshape(2, 5, 1, 1, 1)
    for number in range(20):
        frames = mocogan.random_frames(video, jax.random.key(number))
        assert 0 <= frames[0, 0, 0, 0] < 5 <= frames[1, 0, 0, 0]
    keys = jax.random.split(jax.random.key(0), 50)
    seen = jax.vmap(lambda key: mocogan.random_frames(video, key))(keys)
    assert len(np.unique(seen)) == 10
