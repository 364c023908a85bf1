"""VDSM: both stages, its building blocks, and generation from a photo and a label."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.models import vdsm, vdsm_dynamics
from fevgan_jax.training import losses
from tests.models.test_baselines import count, shapes

WIDTHS = {"encoder_features": (4,) * 4, "decoder_features": (4,) * 4, "hidden": 8}


def condition(rows=2):
    keys = jax.random.split(jax.random.key(0), rows)
    video = jax.vmap(lambda key: jax.random.uniform(key, (32, 64, 64, 3), minval=-1.0))(keys)
    label = jnp.arange(rows) % 6
    return {
        "image": video[:, 0],
        "video": video,
        "label": label,
        "key": keys,
        "progress": jnp.full(rows, 0.5),
    }


def start(stage):
    module = vdsm.Generator(stage=stage, **WIDTHS)
    return module, module.init({"params": jax.random.key(1)}, condition(), train=False)


@pytest.mark.parametrize("stage", [1, 2])
def test_both_stages_have_the_published_number_of_parameters(stage):
    outputs, params = shapes(vdsm.Generator(stage=stage), condition())
    assert outputs["video"].shape == (2, 32, 64, 64, 3)
    assert outputs["logits"].shape == (2, 20, 64, 64, 3)
    assert count(params["encoder"]) == 431_002
    assert count(params["decoder"]) == 46_877_805
    assert count([params["identity_mean"], params["identity_scale"]]) == 480
    if stage == 2:
        dynamics = params["dynamics"]
        both_ways = [dynamics[name] for name in dynamics if name.startswith(("forw", "backw"))]
        assert count(both_ways) == 14_827_520
        step = dynamics["step"]
        assert count([step[f"layer_{i}"] for i in range(3)]) == 6_303_744
        assert count([dynamics[name] for name in ("code_mean", "code_scale")]) == 307_300
        assert count([dynamics[name] for name in ("hidden", "cell")]) == 156_672
        assert count([step[name] for name in ("seen", "before", "mean", "scale")]) == 334_908
        assert count(step["transition"]) == 115_584
        assert count(dynamics) == 22_047_806


def test_a_mixture_of_one_expert_is_that_expert():
    decoder = vdsm.MixtureDecoder((4, 4, 4, 4), experts=3)
    poses = jax.random.normal(jax.random.key(0), (2, 5, 7))
    variables = decoder.init(jax.random.key(1), poses, jnp.eye(3)[:2])
    params = jax.tree.map(lambda leaf: leaf * 2.0, variables["params"])
    mixed = decoder.apply({"params": params}, poses, jnp.eye(3)[jnp.array([2, 0])])
    # The first and the third expert are exchanged, but for the mixture's own inputs.
    moved = jax.tree.map(lambda leaf: leaf[jnp.array([2, 1, 0])], params)
    kernel = moved["kernel_0"]
    moved["kernel_0"] = kernel.at[..., 7:].set(kernel[..., jnp.array([9, 8, 7])])
    swapped = decoder.apply({"params": moved}, poses, jnp.eye(3)[jnp.array([0, 2])])
    np.testing.assert_allclose(mixed, swapped, rtol=1e-4, atol=2e-5)
    assert np.abs(mixed[0] - mixed[1]).max() > 1e-3


def test_blur_pool_halves_and_keeps_what_is_flat():
    x = jnp.ones((1, 63, 63, 2))
    np.testing.assert_allclose(vdsm.blurred(x), jnp.ones((1, 32, 32, 2)), rtol=1e-6)
    ramp = jnp.broadcast_to(jnp.arange(31.0)[None, :, None, None], (1, 31, 31, 1))
    # Taps 1 3 3 1 lie around the middle of two rows, and reflect at the border.
    np.testing.assert_allclose(vdsm.blurred(ramp)[0, 1:-1, 3, 0], 2 * np.arange(1, 15) + 0.5)


def test_frames_are_spread_over_the_clip():
    video = jnp.arange(32.0).reshape(1, 32, 1, 1, 1)
    np.testing.assert_allclose(
        vdsm.spread(video, 20)[0, :, 0, 0, 0], np.linspace(0, 31, 20), rtol=1e-6
    )
    np.testing.assert_array_equal(vdsm.spread(video, 32), video)


def test_divergence_is_that_of_gaussians():
    code = jnp.zeros((3, 2)), jnp.full((3, 2), 0.5)
    assert vdsm.divergence(code, (0.0, 0.5)) == 0.0
    # KL(N(1, 1) || N(0, 2)) = log 2 + (1 + 1) / 8 - 1 / 2, twice
    code = jnp.ones((3, 2)), jnp.ones((3, 2))
    assert vdsm.divergence(code, (0.0, 2.0)) == pytest.approx(2 * (np.log(2) + 0.25 - 0.5))


def test_a_weight_follows_its_curve():
    curve = ((0.0, 30.0), (0.5, 0.2), (1.0, 1.0))
    for progress, weight in ((0.0, 30.0), (0.25, 15.1), (0.5, 0.2), (0.75, 0.6)):
        context = losses.Context(condition={"progress": jnp.full(2, progress)})
        assert float(vdsm.annealed(context, curve)) == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("stage", [1, 2])
def test_the_mixture_sharpens_in_stage_1_and_stays_sharp_in_stage_2(stage):
    module, variables = start(stage)
    early, late = (
        module.apply(variables, condition() | {"progress": jnp.full(2, progress)}, train=False)
        for progress in (0.1, 1.0)
    )
    assert (np.abs(early["logits"] - late["logits"]).max() > 1e-4) == (stage == 1)


def test_the_first_poses_prior_is_standard_and_the_next_ones_learnt():
    module, variables = start(stage=2)
    rngs = {"params": jax.random.key(2)}
    outputs, _ = module.apply(variables, condition(), train=True, rngs=rngs, mutable=["labels"])
    np.testing.assert_array_equal(outputs["prior_mean"][:, 0], 0.0)
    np.testing.assert_array_equal(outputs["prior_scale"][:, 0], 1.0)
    assert np.all(outputs["prior_scale"][:, 1:] != 1.0)


def test_a_photo_alone_makes_the_video_whatever_clip_stands_beside_it():
    module, variables = start(stage=2)
    given = condition()
    whole = module.apply(variables, given, train=False)["video"]
    given.pop("video")
    np.testing.assert_array_equal(module.apply(variables, given, train=False)["video"], whole)


def test_the_labels_dynamics_are_the_mean_of_their_clips():
    module, variables = start(stage=2)
    assert not variables["labels"]["dynamics"]["count"].any()
    outputs, moved = module.apply(
        variables, condition(), train=True, rngs={"params": jax.random.key(2)}, mutable=["labels"]
    )
    labels = moved["labels"]["dynamics"]
    np.testing.assert_array_equal(labels["count"], [1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(labels["mean"][:2], outputs["dynamics_mean"], rtol=1e-5)
    assert not labels["mean"][2:].any()
    made = module.apply(variables | moved, condition(), train=False)
    np.testing.assert_array_equal(made["dynamics_mean"], labels["mean"][:2])


def test_every_photo_goes_the_labels_way_from_its_own_pose():
    module, variables = start(stage=2)
    means = variables["labels"]["dynamics"]["mean"]
    variables["labels"]["dynamics"]["mean"] = jax.random.normal(jax.random.key(2), means.shape)
    poses, _ = module.apply(variables, condition()["image"][:, None], method=_encode)
    drawn = module.apply(variables, poses[0], jnp.zeros(2, jnp.int32), method=_walk)
    np.testing.assert_allclose(drawn[:, 0], poses[0][:, 0], rtol=1e-6)
    way = drawn - drawn[:, :1]
    assert np.abs(way[:, 1:]).max() > 1e-3
    np.testing.assert_allclose(way[0], way[1], atol=1e-6)


def _encode(module, frames):
    return module.encoder((frames + 1.0) / 2.0)


def _walk(module, poses, label):
    still = jnp.zeros((len(label), module.num_frames, module.poses))
    codes = jnp.zeros((len(label), 50))
    return module.dynamics(poses, label, still, codes, learns=False, train=False)[1]


def test_the_cells_gates_are_an_lstms():
    cell = vdsm_dynamics.LstmCell(1)
    inputs = (jnp.zeros((1, 1)), jnp.full((1, 1), 0.5)), jnp.ones((1, 1))
    variables = cell.init(jax.random.key(0), *inputs)
    params = jax.tree.map(jnp.zeros_like, variables["params"])
    params["given"]["bias"] = jnp.array([0.0, 100.0, 1.0, 0.0])  # enter half, keep all, leave half
    (hidden, state), output = cell.apply({"params": params}, *inputs)
    assert float(state[0, 0]) == pytest.approx(0.5 + 0.5 * np.tanh(1.0))
    assert float(hidden[0, 0]) == float(output[0, 0]) == pytest.approx(0.5 * np.tanh(state[0, 0]))
