import functools
import shutil

import flax
import jax
import numpy as np
import pytest

from fevgan_jax.models.inputs import to_signed
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import released
from fevgan_jax.training.family import build_family
from tests import experiments


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    config = experiments.without_frozen_nets()
    config.data.data_dir = "a private place"
    workdir, output = (tmp_path_factory.mktemp(name) for name in ("run", "released"))
    state = experiments.untrained_run(config, workdir)
    released.export(workdir, output)
    return config, state, output


def test_a_run_starts_from_released_weights_rounded_to_bfloat16(release):
    config, state, output = release
    config = config.copy_and_resolve_references()
    config.initial_weights, config.seed = str(output), 1
    _, other = experiments.start(config)
    started = released.start_from(config, other)
    for name in ("generator", "discriminator"):
        for part in ("params", "statistics"):
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=2**-8),
                getattr(getattr(started, name), part),
                getattr(getattr(state, name), part),
            )
        assert getattr(started, name).optimizer is getattr(other, name).optimizer
    jax.tree.map(np.testing.assert_array_equal, started.average.params, started.generator.params)


def test_key_frames_become_the_two_halves_of_a_video(tmp_path):
    config = experiments.of_key_frames()
    state = experiments.untrained_run(config, tmp_path / "run")
    released.export(tmp_path / "run", tmp_path / "released")
    whole = experiments.without_frozen_nets()
    whole.initial_weights, whole.seed = str(tmp_path / "released"), 1
    _, drawn = experiments.start(whole)
    started = released.start_from(whole, drawn)
    # The release has no discriminator: the drawn one is kept.
    assert started.discriminator.params is drawn.discriminator.params

    batch = experiments.random_batch(2)

    def video(config, state):
        variables = state.sampler.variables
        condition = {"image": to_signed(batch["video"][:, 0]), "label": batch["label"]}
        generate = jax.jit(functools.partial(build_family(config).generator.apply, train=False))
        return np.asarray(generate(variables, condition)["video"])

    rounded = jax.tree.map(lambda x: np.asarray(x.astype("bfloat16"), np.float32), state.average)
    two = video(config, state.replace(average=rounded))
    assert two.shape[1] == 2
    # An untrained generator's outputs are small: compared relative to their size.
    size = np.abs(two).max()
    assert np.abs(two[:, 0] - two[:, 1]).max() > 0.1 * size
    many = video(whole, started)
    np.testing.assert_allclose(many, np.repeat(two, 16, axis=1), atol=1e-3 * size)


def test_a_release_does_not_contain_data_paths(release):
    assert read_config(release[2]).data.data_dir == ""


def test_weights_are_not_exported_to_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file; name a folder"):
        released.export(tmp_path, tmp_path / "file")


def test_a_run_without_a_line_is_exported_but_not_into_itself(tmp_path):
    config = experiments.without_frozen_nets()
    experiments.untrained_run(config, tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").unlink()
    with pytest.raises(UserError, match="is the workdir itself"):
        released.export(tmp_path / "run", tmp_path / "run")
    released.export(tmp_path / "run", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["config.json", "weights.msgpack"]


def test_weights_of_another_model_are_refused(release):
    config = release[0].copy_and_resolve_references()
    config.initial_weights = str(release[2])
    config.model.generator.decoder_features = (4, 4, 4, 4)
    _, state = experiments.start(config)
    with pytest.raises(UserError, match="another model"):
        released.start_from(config, state)


def test_weights_that_are_not_finite_are_refused(release, tmp_path):
    config = release[0].copy_and_resolve_references()
    shutil.copytree(release[2], tmp_path, dirs_exist_ok=True)
    file = tmp_path / "weights.msgpack"
    weights = flax.serialization.msgpack_restore(file.read_bytes())
    kernel = next(name for name in weights["generator"]["params"])
    broken = jax.tree.map(lambda x: np.full_like(x, np.inf), weights["generator"]["params"][kernel])
    weights["generator"]["params"][kernel] = broken
    file.write_bytes(flax.serialization.msgpack_serialize(weights))
    config.initial_weights = str(tmp_path)
    with pytest.raises(
        UserError, match=rf"generator\.params\.{kernel}\S* is not finite in the rel"
    ):
        released.start_from(config, release[1])


def test_unknown_weights_list_those_that_ship(release):
    config = release[0].copy_and_resolve_references()
    config.initial_weights = "nobody"
    with pytest.raises(UserError, match="no released weights 'nobody'"):
        released.start_from(config, release[1])
