"""Motion modes: equal to a stored reference, and exact where the model's form requires it."""

import functools
import pathlib

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.faces import units
from fevgan_jax.models import compositing, motion_modes

FIXTURES = pathlib.Path(__file__).parent / "motion_modes"
NARROW = motion_modes.Generator(features=(8, 8), modes=2, code=8, curve_width=8)


@functools.cache
def reference():
    """The reference network's weights, and its outputs for one crop."""
    stored = flax.serialization.msgpack_restore((FIXTURES / "weights.msgpack").read_bytes())
    variables = jax.tree.map(lambda x: np.asarray(x, np.float32), stored["generator"])
    with np.load(FIXTURES / "parity.npz") as arrays:
        return variables, {name: arrays[name] for name in arrays.files}


def narrow(seed=0, rows=2, side=16, net=NARROW):
    """A narrow generator's variables, drawn so that everything moves, and a condition."""
    random = np.random.default_rng(seed)
    given = {
        "image": jnp.asarray(random.uniform(-1, 1, (rows, side, side, 3)), jnp.float32),
        "units": jnp.asarray(random.normal(size=(rows, 56)), jnp.float32),
        "path": jnp.asarray(np.tile([0.0, 0.5, 1.0], (rows, 1)), jnp.float32),
    }
    variables = net.init(jax.random.key(seed), given, train=False)
    leaves, tree = jax.tree.flatten(variables)
    drawn = [
        leaf + 0.1 * jax.random.normal(jax.random.key(i), leaf.shape)
        for i, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, drawn), given


def test_it_equals_the_network_it_was_made_from():
    variables, known = reference()
    image = known["face"][None].astype(np.float32) / 127.5 - 1.0
    path = np.array([[0.0, 0.5, 1.0]], np.float32)
    given = {"image": image, "units": known["condition"][None], "path": path}
    generator = motion_modes.Generator()
    fields, amplitudes, shown = generator.apply(
        variables, image, given["units"], path, method=generator.predict
    )
    for name, tolerance in (("flow", 2e-5), ("mask", 1e-3), ("colour", 1e-3)):
        made = np.asarray(getattr(fields, name)[0]).reshape(known[name].shape)
        np.testing.assert_allclose(made, known[name], atol=tolerance, err_msg=name)
    np.testing.assert_allclose(amplitudes[0], known["curves"], atol=1e-6)
    np.testing.assert_allclose(shown[0], known["shown"], atol=1e-5)
    video = generator.apply(variables, given, train=False)["video"]
    # The reference's frame half of the way scales the flow in place of moving points.
    np.testing.assert_allclose(video[0, [0, 2]], known["frames"][[0, 2]], atol=1e-4)
    assert np.abs(video[0, 1] - known["frames"][1]).mean() < 0.01


@pytest.mark.parametrize("side", [16, 37])
def test_the_way_starts_with_the_photo_itself_at_any_size(side):
    variables, given = narrow()
    photo = jax.random.uniform(jax.random.key(3), (2, side, side + 5, 3), minval=-1.0)
    fields, amplitudes, _ = NARROW.apply(variables, *given.values(), method=NARROW.predict)
    video = compositing.compose(photo, fields, amplitudes, amplitudes[:, 2], NARROW.gate)["video"]
    np.testing.assert_array_equal(video[:, 0], photo)
    assert np.abs(video[:, 2] - photo).max() > 0.1


def test_the_gate_says_how_soon_paint_is_allowed():
    amplitudes = jnp.array([[0.0, 0.0], [0.2, 0.2]])
    np.testing.assert_allclose(compositing.gate(amplitudes, 12.0), [0, 1 - np.exp(-0.96)], 1e-5)
    variables, given = narrow()
    masks = [
        NARROW.clone(gate=gate).apply(variables, given, train=False)["mask"] for gate in (1.0, 1e6)
    ]
    assert (masks[0][:, 2] < 0.9 * masks[1][:, 2]).all()
    assert masks[1][:, 0].max() == 0


def test_detail_adds_to_the_fields_of_a_smaller_network():
    variables, given = narrow()
    detailed = NARROW.clone(detail=8)
    large = given | {"image": jnp.repeat(jnp.repeat(given["image"], 2, axis=1), 2, axis=2)}
    drawn = detailed.init(jax.random.key(1), large, train=False)["params"]
    params = {
        "fields": drawn["fields"] | variables["params"]["fields"],
        "curves": variables["params"]["curves"],
    }
    fields, *rest = NARROW.apply(variables, *given.values(), method=NARROW.predict)

    def apply(params):
        return detailed.apply({"params": params}, *large.values(), method=detailed.predict)

    untrained, *same = apply(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), untrained, fields.resized(32, 32)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), same, rest)
    gradient = jax.grad(lambda params: jnp.square(apply(params)[0].flow).sum())(params)
    heads = gradient["fields"]["detail"]["heads"]["kernel"]
    assert np.abs(heads).max() > 0, "it can be trained"


@pytest.mark.parametrize("detail", [0, 8])
def test_one_photo_serves_all_targets(detail):
    net = NARROW.clone(detail=detail, teeth=6)
    variables, given = narrow(net=net)
    one, *rest = given["image"][:1], *list(given.values())[1:]
    fields, *_ = net.apply(variables, one, *rest, method=net.predict)
    rows = jnp.repeat(one, 2, axis=0)
    apart, *_ = net.apply(variables, rows, *rest, method=net.predict)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), fields, apart)
    assert np.abs(fields.flow[0] - fields.flow[1]).max() > 1e-3


def test_a_frame_does_not_depend_on_the_others():
    variables, given = narrow()
    video = NARROW.apply(variables, given, train=False)["video"]
    one = NARROW.apply(variables, given | {"path": given["path"][:, 1:2]}, train=False)["video"]
    # In the folds of random fields rounding decides which of two points is found.
    assert np.abs(one[:, 0] - video[:, 1]).mean() < 1e-3


def exact_pair(seed=0, side=8):
    random = np.random.default_rng(seed)
    visible, mask = 255 * random.integers(0, 2, (2, 2, side, side, 1)).astype(np.uint8)
    return {
        "photo": random.uniform(-1, 1, (2, side, side, 3)).astype(np.float32),
        "picture": random.uniform(-1, 1, (2, side, side, 3)).astype(np.float32),
        "flow": random.normal(0, 0.05, (2, side, side, 2)).astype(np.float16),
        "visible": visible,
        "mask": mask,
        "mouth": random.integers(0, 4, (2, side, side, 1)).astype(np.uint8),
        "tooth": random.uniform(-4, 4, (2, side, side, 2)).astype(np.float16),
        "units": random.normal(size=(2, 56)).astype(np.float32),
        "shown": random.normal(size=(2, 52)).astype(np.float32),
        "path": np.array([0.4, 1.0], np.float32),
    }


def test_teeth_are_a_part_of_their_own():
    variables, given = narrow()
    none = NARROW.apply(variables, given, train=False)["teeth"][..., 1:]
    np.testing.assert_allclose(none, -1.0, rtol=1e-5)
    net = NARROW.clone(teeth=6)
    with_teeth, _ = narrow(net=net)
    with_teeth["params"]["fields"] |= variables["params"]["fields"]
    with_teeth["params"]["curves"] = variables["params"]["curves"]

    def made(params):
        return net.apply({"params": params}, given, train=False)

    outputs = made(with_teeth["params"])
    np.testing.assert_array_equal(
        outputs["video"], NARROW.apply(variables, given, train=False)["video"]
    )
    assert outputs["teeth"].shape == (2, 3, 16, 16, 3)
    gradient = jax.grad(lambda params: jnp.square(made(params)["teeth"]).sum())
    kernel = gradient(with_teeth["params"])["fields"]["teeth"]["heads"]["kernel"]
    assert np.abs(kernel).max() > 0, "it can be trained"


def test_a_pixel_is_hidden_where_the_face_is_and_nothing_shows_it():
    pair = exact_pair()
    real = motion_modes.real(pair)
    face, seen = pair["mask"] > 0, pair["visible"] > 0
    np.testing.assert_array_equal(real["hidden"][:, 0] > 0, face & ~seen)
    np.testing.assert_array_equal(real["visible"][:, 0] > 0, face & seen)


def test_a_label_asks_for_its_preset_along_the_onset():
    photo = np.zeros((2, 8, 8, 3), np.float32)
    given = motion_modes.condition({"photo": photo, "label": np.array([3, 5])})
    np.testing.assert_array_equal(given["units"][0], units.preset("happiness"))
    np.testing.assert_array_equal(given["units"][1], units.preset("surprise"))
    assert given["path"].shape == (2, 32)
    np.testing.assert_array_equal(given["path"][:, [0, -1]], [[0, 1]] * 2)


def test_a_pair_asks_for_its_own_target_and_place_on_the_way():
    pair = exact_pair()
    given = motion_modes.condition(pair)
    start = np.pad(pair["shown"], ((0, 0), (0, 4)))
    there = start + pair["path"][:, None] * (given["units"] - start)
    np.testing.assert_allclose(there, pair["units"], atol=1e-5)
    np.testing.assert_array_equal(given["path"], pair["path"][:, None])
    made = NARROW.apply(narrow()[0], given, train=False)
    real = motion_modes.real(pair)
    assert made["video"].shape == real["video"].shape == (2, 1, 8, 8, 3)
