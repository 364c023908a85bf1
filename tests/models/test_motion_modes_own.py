"""Motion modes on clips without face units: presets and courses that start as the rendered ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fevgan_jax import EXPRESSIONS
from fevgan_jax.animation import model as animation
from fevgan_jax.animation import portrait
from fevgan_jax.configs import motion_modes_own as own_config
from fevgan_jax.faces import units
from fevgan_jax.models import motion_modes, motion_modes_own
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import released
from fevgan_jax.training.step import make_train_step
from tests import experiments


def start(**fields):
    module = motion_modes_own.Generator(features=(4, 4, 4, 4), **fields)
    condition = {
        "image": jax.random.uniform(jax.random.key(0), (2, 64, 64, 3), minval=-1.0),
        "label": jnp.array([3, 5]),
    }
    return module, module.init({"params": jax.random.key(1)}, condition, train=False), condition


def test_a_label_starts_as_its_rendered_preset_and_course():
    module, variables, condition = start()
    made = module.apply(variables, condition, train=True)
    inner = motion_modes.Generator(features=(4, 4, 4, 4))
    params = {name: variables["params"][name] for name in ("fields", "curves")}
    given = motion_modes.condition({"photo": condition["image"], "label": condition["label"]})
    expected = inner.apply({"params": params}, given, train=True)
    np.testing.assert_allclose(made["video"][:, -1], expected["video"][:, -1], atol=1e-4)
    course = np.cumsum(jax.nn.softmax(variables["params"]["pace"]), axis=1)
    np.testing.assert_allclose(course[0], given["path"][0, 1:], atol=1e-3)
    np.testing.assert_array_equal(made["video"][:, 0], condition["image"])
    np.testing.assert_array_equal(made["drift"], 0.0)


def test_presets_and_courses_are_learnt():
    module, variables, condition = start()

    def energy(params):
        return jnp.square(module.apply({"params": params}, condition, train=True)["flow"]).sum()

    # Fields that know their target, as trained ones do: drawn ones have no code yet.
    params = jax.tree.map(lambda x: x + 0.05, variables["params"])
    slopes = jax.grad(energy)(params)
    for name in ("presets", "pace"):
        moved = np.abs(slopes[name]).sum(1) > 0
        np.testing.assert_array_equal(moved, [False, False, False, True, False, True])


def test_a_start_for_each_label_is_asked_for():
    with pytest.raises(UserError, match="start names 6 expressions, and the data set has 2"):
        start(num_classes=2)
    module, variables, _ = start(num_classes=2, start=("fear", "neutral"))
    np.testing.assert_array_equal(variables["params"]["presets"], units.table(module.start))


def test_it_goes_on_from_the_released_motion_modes():
    config = own_config.get_config()
    _, state = experiments.start(config)
    started = released.start_from(config, state)
    _, shipped = released.generator("motion_modes")
    for part in ("fields", "curves"):
        jax.tree.map(
            np.testing.assert_array_equal, started.generator.params[part], shipped["params"][part]
        )
    np.testing.assert_array_equal(started.generator.params["presets"], units.table())


def test_an_adversarial_loss_judges_frames_and_clips():
    config = experiments.narrow(own_config.get_config())
    config.initial_weights, config.initial_parts = "", {}
    config.generator_loss.adversarial = config.discriminator_loss.adversarial = 1.0
    family, state = experiments.start(config)
    new = jax.jit(make_train_step(config, family))(state, {}, experiments.batch_for(config, family))
    for part in ("image", "video"):
        before, after = (each.discriminator.params[part] for each in (state, new))
        assert all(jax.tree.leaves(jax.tree.map(lambda a, b: (a != b).any(), before, after)))
    assert np.isfinite(new.metrics.compute()["generator_adversarial"])


def test_a_photo_is_asked_for_by_what_was_learnt(tmp_path):
    config = own_config.get_config()
    config.data.class_names = (*EXPRESSIONS[:5], "contempt")
    experiments.untrained_run(config, tmp_path / "run")
    animator = animation.load(tmp_path / "run")
    assert list(animator.presets) == [*EXPRESSIONS[:5], "contempt"]
    targets = portrait.order([], portrait.Options(head=True), animator.presets).targets
    assert list(targets) == list(animator.presets)
    np.testing.assert_array_equal(targets["contempt"], animator.presets["contempt"])
    blend = portrait.order(["contempt:0.5,happy:1"], portrait.Options(head=True), animator.presets)
    (wanted,) = blend.targets.values()
    np.testing.assert_allclose(
        wanted, 0.5 * animator.presets["contempt"] + animator.presets["happiness"], rtol=1e-6
    )
    with pytest.raises(UserError, match="no expression 'contempt'"):
        portrait.order(["contempt"], portrait.Options())
