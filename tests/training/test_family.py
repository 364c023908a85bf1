"""Families that differ from FEV-GAN in all that the contract allows, by file and config alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.generate import generate
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.training import loop, released, trained
from fevgan_jax.training.family import build_family
from fevgan_jax.training.sampling import clip_keys, make_sample_step
from fevgan_jax.training.step import make_train_step
from tests import experiments, tiny_clips, tiny_config
from tests.families import landmark_critic, two_judges, two_stages


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_clips.prepare(tmp_path_factory.mktemp("prepared"))


def train(config, data_dir, workdir):
    config.data.data_dir = str(data_dir)
    config.num_steps, config.log_every = 3, 1
    return loop.train(config, workdir)


def take_step(config, rows=8, frozen=None):
    """The state before and after one step on random rows."""
    family, state = experiments.start(config)
    rng = np.random.default_rng(0)
    shape = config.data.clip_shape
    batch = {
        "video": rng.integers(0, 256, (rows, *shape), np.uint8),
        "landmarks": rng.uniform(0, 15, (rows, shape[0], 68, 2)).astype(np.float32),
        "label": rng.integers(0, 2, rows).astype(np.int32),
    }
    batch = {name: batch[name] for name in family.features}
    return state, jax.jit(make_train_step(config, family))(state, frozen or {}, batch), batch


def largest_move(before, after):
    moves = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), before, after)
    return jax.tree.leaves(moves)


@pytest.mark.parametrize("family", [two_judges, landmark_critic, two_stages])
def test_a_family_trains_evaluates_and_generates(family, data_dir, tmp_path):
    state = train(family.get_config(), data_dir, tmp_path / "run")
    assert int(state.step) == 3
    assert int(state.failed_step) == -1
    result = evaluate(tmp_path / "run")
    assert np.isfinite(result["rows"]["model"]["overall"]["ssim"]["mean"])
    photo = np.zeros((16, 16, 3), np.uint8)
    photo[1:-1, 1:-1] = 90
    write_atomic(tmp_path / "photo.png", media.png(photo))
    videos = generate(tmp_path / "run", tmp_path / "photo.png")
    assert {name: video.shape for name, video in videos.items()} == {
        name: (4, 16, 16, 3) for name in tiny_clips.CLASSES
    }


def test_every_collection_and_stream_is_served():
    state, new, _ = take_step(two_judges.get_config())
    assert set(state.generator.statistics) == {"batch_stats", "spectral_norm", "counters"}
    assert int(new.generator.statistics["counters"]["calls"]) == 1
    assert int(new.average.statistics["counters"]["calls"]) == 1
    moved = largest_move(
        state.discriminator.statistics["spectral_norm"],
        new.discriminator.statistics["spectral_norm"],
    )
    assert min(moved) > 0
    assert {"discriminator_category", "generator_category", "real_accuracy"} <= set(
        new.metrics.compute()
    )


def test_the_discriminator_is_updated_first_if_the_rule_says_so():
    config = two_judges.get_config()
    config.generator_loss = {"adversarial": 1.0}
    gradients = {}
    for config.rule.order in ("simultaneous", "discriminator_first"):
        config.discriminator_optimizer.learning_rate = 0.1
        _, new, _ = take_step(config)
        gradients[config.rule.order] = new.generator.optimizer[0].mu
        # The discriminator sees the same fakes from the same state either way.
        gradients[f"judge {config.rule.order}"] = new.discriminator.optimizer[0].mu
    one, other = gradients["judge simultaneous"], gradients["judge discriminator_first"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), one, other)
    assert max(largest_move(gradients["simultaneous"], gradients["discriminator_first"])) > 1e-4


def test_each_critic_step_has_rows_of_its_own():
    config = landmark_critic.get_config()
    state, new, batch = take_step(config, rows=32)
    adam = new.discriminator.optimizer[0]
    assert (int(adam.count), int(new.generator.optimizer[0].count)) == (4, 1)
    # Rows without a critic step would change no parameter: each of the 32 does.
    config.rule.critic_steps = 4
    family = build_family(config)
    step = jax.jit(make_train_step(config, family))
    for row in (0, 1, 2, 3, 31):
        changed = {name: array.copy() for name, array in batch.items()}
        changed["landmarks"][row] += 5.0
        other = step(state, {}, changed)
        assert max(largest_move(adam.mu, other.discriminator.optimizer[0].mu)) > 0


def test_the_gradient_penalty_trains_the_critic_towards_slope_one():
    config = landmark_critic.get_config()
    config.discriminator_loss = {"gradient_penalty": 1.0}
    config.discriminator_optimizer.learning_rate = 1e-2
    family, state = experiments.start(config)
    step = jax.jit(make_train_step(config, family))
    batch = take_step(config, rows=32)[2]
    penalties = []
    for _ in range(40):
        state = step(state, {}, batch)
        penalties.append(float(state.metrics.compute()["discriminator_gradient_penalty"]))
        state = state.replace(metrics=state.metrics.empty())
    assert penalties[-1] < 0.2 * max(penalties)


def test_a_loss_weight_may_depend_on_the_step():
    config = two_stages.get_config()
    state, first, batch = take_step(config)
    values = {name: float(v) for name, v in first.metrics.compute().items()}
    assert values["generator_divergence"] > 0.01
    assert values["generator_loss"] == pytest.approx(values["generator_reconstruction"])
    step = jax.jit(make_train_step(config, build_family(config)))
    later = step(state.replace(step=jnp.int32(5)), {}, batch).metrics.compute()
    expected = later["generator_reconstruction"] + 0.5 * later["generator_divergence"]
    assert float(later["generator_loss"]) == pytest.approx(float(expected))


def test_a_second_stage_starts_from_the_first_and_keeps_it_unchanged(data_dir, tmp_path):
    first = train(two_stages.get_config(), data_dir, tmp_path / "first")
    released.export(tmp_path / "first", tmp_path / "weights")
    config = two_stages.get_config(stage=2)
    config.initial_weights = str(tmp_path / "weights")
    second = train(config, data_dir, tmp_path / "second")
    for part in ("encoder", "decoder"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2**-8),
            second.generator.params[part],
            first.average.params[part],
        )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2**-8),
        second.generator.statistics,
        first.average.statistics,
    )
    trained_leaves = len(jax.tree.leaves(second.generator.params["way"]))
    # Adam keeps two moments of each trained parameter, and a count.
    assert len(jax.tree.leaves(second.generator.optimizer)) == 2 * trained_leaves + 1
    assert trained.load(tmp_path / "second").sample(
        {"label": np.zeros(2, np.int32)}, clip_keys(0, "ab")
    ).shape == (2, 4, 16, 16, 3)


def test_windows_are_drawn_in_training_and_fixed_in_evaluation():
    config = tiny_config.get_config()
    config.data.window = 2
    family = build_family(config)
    video = np.broadcast_to(np.arange(4, dtype=np.uint8)[:, None, None, None], (64, 4, 2, 2, 3))
    landmarks = np.broadcast_to(np.arange(4.0)[:, None, None], (64, 4, 68, 2))
    batch = {"video": video, "landmarks": landmarks, "label": np.zeros(64, np.int32)}
    drawn = family.examples(batch, jax.random.split(jax.random.key(0), 64))
    starts = np.asarray(drawn["landmarks"])[:, 0, 0, 0]
    assert set(starts) == {0.0, 1.0, 2.0}
    np.testing.assert_array_equal(drawn["landmarks"][:, 1, 0, 0], starts + 1)
    shown = np.round((np.asarray(drawn["video"])[:, 0, 0, 0, 0] + 1) * 127.5)
    np.testing.assert_array_equal(shown, starts)
    np.testing.assert_array_equal(drawn["photo"], drawn["photo"][:1] * np.ones((64, 1, 1, 1)))
    fixed = family.examples(batch)["landmarks"]
    np.testing.assert_array_equal(fixed[:, :, 0, 0], np.tile([0.0, 1.0], (64, 1)))


def test_noise_belongs_to_seed_clip_and_sample():
    config = two_judges.get_config()
    family, state = experiments.start(config)
    state = experiments.vivid(state)
    sample = jax.jit(make_sample_step(family))

    def video(names, **which):
        batch = {"label": np.zeros(len(names), np.int32)}
        keys = clip_keys(which.get("seed", 0), names, which.get("sample", 0))
        return np.asarray(sample(state.sampler.variables, {}, batch, keys), int)

    together, alone = video(["a", "b", "c"]), video(["c"])
    assert np.abs(together[2] - alone[0]).max() <= 1
    assert np.abs(together[0] - together[1]).max() > 10
    for other in (video(["c"], seed=1), video(["c"], sample=1)):
        assert np.abs(other - alone).max() > 10


def test_an_adversarial_loss_without_a_head_for_it_says_so(monkeypatch):
    monkeypatch.setattr(
        landmark_critic.Discriminator,
        "__call__",
        lambda self, landmarks, condition, *, train: {"category": landmarks[:, 0, 0]},
    )
    config = landmark_critic.get_config()
    with pytest.raises(ValueError, match="no head whose name starts with 'real_fake'"):
        take_step(config, rows=32)


def test_a_familys_augmentation_sees_training_batches_alone(monkeypatch):
    def augment(batch, keys, *, strength):
        shift = jax.vmap(lambda key: jax.random.uniform(key, ()))(keys) * strength
        return batch | {"photo": batch["photo"] + shift[:, None, None, None]}

    monkeypatch.setattr(two_judges, "augment", augment, raising=False)
    config = two_judges.get_config()
    config.augmentation = {"strength": 3.0}
    family = build_family(config)
    batch = {"video": np.zeros((4, 4, 2, 2, 3), np.uint8)}
    photos = family.examples(batch, jax.random.split(jax.random.key(0), 4))["photo"]
    assert len(set(np.asarray(photos)[:, 0, 0, 0].tolist())) == 4
    assert set(np.asarray(family.examples(batch)["photo"]).ravel().tolist()) == {-1.0}
