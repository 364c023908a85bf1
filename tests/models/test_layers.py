"""Layers: shapes, initial values, BatchNorm's constants, the same parameters on every machine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm


def test_kernel_4_stride_2_padding_1_halves_and_doubles():
    clip = jnp.zeros((2, 4, 8, 6, 3))
    halved, _ = Conv(5, (4, 4, 4), (2, 2, 2), (1, 1, 1)).init_with_output(jax.random.key(0), clip)
    assert halved.shape == (2, 2, 4, 3, 5)
    layer = ConvTranspose(5, (4, 4, 4), (2, 2, 2), (1, 1, 1))
    doubled, _ = layer.init_with_output(jax.random.key(0), clip)
    assert doubled.shape == (2, 8, 16, 12, 5)


@pytest.mark.parametrize("layer", [Conv, ConvTranspose])
def test_parameters_do_not_depend_on_the_lowering(layer):
    clip = jax.random.normal(jax.random.key(1), (2, 2, 4, 4, 3))
    outputs, variables = zip(
        *(
            layer(5, (4, 4, 4), (2, 2, 2), (1, 1, 1), lowering=lowering).init_with_output(
                jax.random.key(0), clip
            )
            for lowering in ("native", "product")
        ),
        strict=True,
    )
    jax.tree.map(np.testing.assert_array_equal, *variables)
    np.testing.assert_allclose(*outputs, atol=1e-6)


@pytest.mark.parametrize("layer", [Conv, ConvTranspose])
def test_two_sides_equal_three_with_one_frame(layer):
    image = jax.random.normal(jax.random.key(1), (2, 6, 6, 3))
    flat = layer(5, (4, 4), (2, 2), (1, 1))
    variables = flat.init(jax.random.key(0), image)
    deep = layer(5, (1, 4, 4), (1, 2, 2), (0, 1, 1))
    kernel = variables["params"]["kernel"][None]
    clip = deep.apply({"params": {**variables["params"], "kernel": kernel}}, image[:, None])
    np.testing.assert_allclose(flat.apply(variables, image), clip[:, 0], atol=1e-6)


def test_tiled_values_are_channels_behind_the_input():
    clip = jax.random.normal(jax.random.key(1), (2, 8, 8, 8, 3))
    label = jax.nn.one_hot(jnp.array([1, 0]), 2)
    layer = Conv(5, (4, 4, 4), (2, 2, 2), (1, 1, 1))
    variables = layer.init(jax.random.key(0), clip, tiled=label)
    spread = jnp.broadcast_to(label[:, None, None, None], (2, 8, 8, 8, 2))
    np.testing.assert_allclose(
        layer.apply(variables, clip, tiled=label),
        layer.apply(variables, jnp.concatenate([clip, spread], axis=-1)),
        atol=1e-6,
    )


def test_kernels_are_drawn_with_the_given_deviation_and_biases_are_zero():
    clip = jnp.zeros((1, 4, 4, 4, 16))
    for stddev in (0.02, 0.3):
        params = Conv(64, (3, 3, 3), stddev=stddev).init(jax.random.key(0), clip)["params"]
        assert abs(float(params["kernel"].mean())) < 0.02 * stddev
        np.testing.assert_allclose(params["kernel"].std(), stddev, rtol=0.02)
        assert not params["bias"].any()
    assert "bias" not in Conv(2, (1, 1, 1), use_bias=False).init(jax.random.key(0), clip)["params"]


def test_batch_norm_has_the_projects_constants():
    x = 3.0 + 2.0 * jax.random.normal(jax.random.key(1), (4, 2, 4, 4, 4096))
    layer = batch_norm(train=True)
    variables = layer.init(jax.random.key(0), x)
    scale = variables["params"]["scale"]
    np.testing.assert_allclose(scale.mean(), 1.0, atol=2e-3)
    np.testing.assert_allclose(scale.std(), 0.02, rtol=0.05)

    y, moved = layer.apply(variables, x, mutable=["batch_stats"])
    axes = (0, 1, 2, 3)
    expected = (x - x.mean(axes)) / jnp.sqrt(x.var(axes) + 1e-5) * scale
    np.testing.assert_allclose(y, expected, atol=1e-3)
    np.testing.assert_allclose(moved["batch_stats"]["mean"], 0.1 * x.mean(axes), rtol=1e-4)
    np.testing.assert_allclose(moved["batch_stats"]["var"], 0.9 + 0.1 * x.var(axes), rtol=1e-3)


def test_sides_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="kernel_size"):
        Conv(2, (4, 4)).init(jax.random.key(0), jnp.zeros((1, 2, 4, 4, 1)))


@pytest.mark.parametrize(
    ("layer", "axis"),
    [
        (Conv(5, (3, 3), spectral_norm=True), -1),
        (ConvTranspose(5, (3, 3), spectral_norm=True), -2),
    ],
)
def test_spectral_norm_is_over_output_channels(layer, axis):
    x = jax.random.normal(jax.random.key(0), (2, 6, 6, 4))
    variables = layer.init(jax.random.key(1), x)
    kernel = np.asarray(variables["params"]["kernel"])
    for _ in range(200):
        _, moved = layer.apply(variables, x, mutable=["spectral_norm"])
        variables = variables | moved
    largest = np.linalg.svd(np.moveaxis(kernel, axis, -1).reshape(-1, 5), compute_uv=False)[0]
    plain = layer.clone(spectral_norm=False)
    divided = {"params": variables["params"] | {"kernel": kernel / largest}}
    np.testing.assert_allclose(
        layer.apply(variables, x), plain.apply(divided, x), rtol=1e-4, atol=1e-5
    )


def test_spectral_norm_follows_the_kernel_in_training_only():
    layer, x = Conv(5, (3, 3), spectral_norm=True), jnp.ones((1, 4, 4, 2))
    variables = layer.init(jax.random.key(0), x)
    (first,) = jax.tree.leaves(variables["spectral_norm"])
    _, moved = layer.apply(variables, x, mutable=["spectral_norm"])
    assert np.abs(moved["spectral_norm"]["u"] - first).max() > 1e-3
    np.testing.assert_allclose(np.linalg.norm(moved["spectral_norm"]["u"]), 1.0, rtol=1e-5)
    once, again = layer.apply(variables, x), layer.apply(variables, x)
    np.testing.assert_array_equal(once, again)
