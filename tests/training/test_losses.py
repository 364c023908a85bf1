import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.training import losses


def generated(video, outputs=None, logits=None, condition=None, frozen=None, encoder=None):
    return losses.Context(
        outputs={"video": video} | (outputs or {}),
        fake_logits=logits or {"real_fake": jnp.zeros(video.shape[0])},
        real={"video": jnp.zeros_like(video)},
        condition=condition or {},
        frozen=frozen or {},
        encoder=encoder,
    )


def test_undecided_discriminator_costs_two_log_two():
    logits = {"real_fake": jnp.zeros(4)}
    loss = losses.discriminator_adversarial(losses.Context(real_logits=logits, fake_logits=logits))
    np.testing.assert_allclose(loss, 2 * np.log(2), rtol=1e-6)


def test_adversarial_terms_are_binary_cross_entropy():
    real, fake = jnp.array([2.0, -1.0]), jnp.array([0.5, -3.0])
    loss = losses.discriminator_adversarial(
        losses.Context(real_logits={"real_fake": real}, fake_logits={"real_fake": fake})
    )
    expected = np.mean(np.log1p(np.exp(-real))) + np.mean(np.log1p(np.exp(fake)))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_generator_is_non_saturating_and_sums_its_heads():
    heads = {"real_fake_video": jnp.array([1.0]), "real_fake_image": jnp.array([-2.0])}
    loss = losses.generator_adversarial(
        generated(jnp.zeros((1, 2, 4, 4, 3)), logits=heads | {"category": jnp.ones((1, 6))})
    )
    np.testing.assert_allclose(loss, np.log1p(np.exp(-1.0)) + np.log1p(np.exp(2.0)), rtol=1e-6)


@pytest.mark.parametrize(("norm", "expected"), [("l1", 0.5), ("l2", 0.25)])
def test_reconstruction_is_the_mean_difference(norm, expected):
    video = jnp.full((2, 4, 8, 8, 3), -0.5)
    assert losses.reconstruction(generated(video), norm=norm) == expected


def test_identity_looks_at_the_named_frames_only(monkeypatch):
    monkeypatch.setattr(recognizers, "encode", lambda encoder, frozen, image: image.mean((1, 2)))
    video = jnp.zeros((2, 8, 4, 4, 3)).at[:, 3].set(1.0).at[:, 5].set(0.5).at[:, 6].set(9.0)
    condition = {"image": jnp.zeros((2, 4, 4, 3))}
    loss = losses.identity(
        generated(video, condition=condition), encoder={"name": "x"}, frames=(3, 5), norm="l1"
    )
    np.testing.assert_allclose(loss, 0.75)


def test_identity_compares_each_clip_with_its_own_input(monkeypatch):
    monkeypatch.setattr(recognizers, "encode", lambda encoder, frozen, image: image.mean((1, 2)))
    image = jnp.array([0.2, 0.8])[:, None, None, None] * jnp.ones((2, 4, 4, 3))
    video = jnp.repeat(image[:, None], 3, axis=1)
    loss = losses.identity(
        generated(video, condition={"image": image}),
        encoder={"name": "x"},
        frames=(0, 2),
        norm="l1",
    )
    np.testing.assert_allclose(loss, 0.0, atol=1e-7)


def test_the_photos_features_are_computed_once(monkeypatch):
    monkeypatch.setattr(recognizers, "encode", lambda encoder, frozen, image: image.mean((1, 2)))
    condition = {"image": jnp.zeros((2, 4, 4, 3)), "identity": jnp.full((2, 3), 0.75)}
    seen = generated(jnp.ones((2, 3, 4, 4, 3)), condition=condition, encoder={"name": "x"})
    for name, distance in (("x", 0.25), ("another", 1.0)):
        loss = losses.identity(seen, encoder={"name": name}, frames=(0,), norm="l1")
        np.testing.assert_allclose(loss, distance)


@pytest.mark.parametrize(("frames", "expected"), [((), 0.5), ((1, 3), 1.0), ((0,), 0.0)])
def test_perceptual_compares_each_frame_with_the_real_one(monkeypatch, frames, expected):
    monkeypatch.setattr(recognizers, "encode", lambda encoder, frozen, image: 2 * image)
    real = jnp.arange(4.0)[None, :, None, None, None] * jnp.ones((2, 4, 4, 4, 3))
    made = real.at[:, 1::2].add(0.5)
    seen = losses.Context(outputs={"video": made}, real={"video": real})
    loss = losses.perceptual(seen, encoder={"name": "x"}, frames=frames, norm="l1")
    np.testing.assert_allclose(loss, expected, atol=1e-6)


def test_an_absent_term_is_never_computed():
    def forbidden(_):
        raise AssertionError("computed")

    terms = {"one": lambda _: jnp.ones(()), "two": forbidden}
    total, values = losses.weighted_sum({"one": 3.0}, terms, {}, losses.Context())
    assert total == 3.0
    assert list(values) == ["one"]


def test_no_gradient_reaches_the_identity_target(monkeypatch):
    monkeypatch.setattr(recognizers, "encode", lambda encoder, frozen, image: image.mean((1, 2)))

    def loss(image):
        video = jnp.ones((1, 2, 4, 4, 3))
        seen = generated(video, condition={"image": image})
        return losses.identity(seen, encoder={"name": "x"}, frames=(0,), norm="l2")

    assert not np.any(jax.grad(loss)(jnp.zeros((1, 4, 4, 3))))
