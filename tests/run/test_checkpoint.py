import json
import logging
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fevgan_jax.run import checkpoint
from fevgan_jax.run.checkpoint import Checkpoints, Layout
from fevgan_jax.runtime import sharding
from fevgan_jax.runtime.errors import UserError
from tests import experiments

HASHES = {"vgg16": "2ecbe4ce", "openface": "af5c50f0"}


@flax.struct.dataclass
class State:
    step: jax.Array
    params: dict
    optimizer: optax.OptState
    key: jax.Array


def _state(step, devices=8, width=64):
    """Random arrays, so that damage to the file is damage to a value."""

    def make():
        kernel = jax.random.normal(jax.random.key(step), (300, width))
        params = {"dense": {"kernel": kernel, "bias": jnp.ones(width, jnp.bfloat16)}}
        return State(jnp.int32(step), params, optax.adam(1e-3).init(params), jax.random.key(step))

    everywhere = sharding.replicated(sharding.make_mesh(jax.devices()[:devices]))
    return jax.device_put(make(), everywhere)


def _abstract(state):
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), state
    )


def _raw(state):
    return state.replace(key=jax.random.key_data(state.key))


def _assert_same(state, expected):
    jax.tree.map(np.testing.assert_array_equal, _raw(state), _raw(expected))
    assert jax.tree.map(lambda x: x.dtype, state) == jax.tree.map(lambda x: x.dtype, expected)


def _save(workdir, *steps, keep=3):
    with Checkpoints(workdir, keep) as checkpoints:
        for step in steps:
            checkpoints.save(step, _state(step), HASHES)


def _restore(workdir, devices=8):
    with Checkpoints(workdir) as checkpoints:
        return checkpoints.restore(_abstract(_state(0, devices)))


def _damage(workdir, step, how):
    """Damages the largest file of a checkpoint, which holds its arrays."""
    files = (workdir / "checkpoints" / str(step) / "state").rglob("*")
    victim = max((path for path in files if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    victim.write_bytes(content)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    _save(tmp_path, 5)
    state, hashes = _restore(tmp_path)
    _assert_same(state, _state(5))
    assert hashes == HASHES
    np.testing.assert_array_equal(
        jax.random.normal(state.key, (4,)), jax.random.normal(_state(5).key, (4,))
    )


@pytest.mark.parametrize("devices", [1, 2])
def test_eight_devices_save_and_fewer_restore(tmp_path, devices):
    _save(tmp_path, 5)
    state, _ = _restore(tmp_path, devices)
    _assert_same(state, _state(5, devices))
    for leaf in jax.tree.leaves(state):
        assert len(leaf.sharding.device_set) == devices


def test_a_checkpoint_is_hardly_larger_than_its_state(tmp_path):
    state = _state(1, width=4000)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, HASHES)
    files = [path for path in (tmp_path / "checkpoints" / "1").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert size <= 1.1 * sum(leaf.nbytes for leaf in jax.tree.leaves(_raw(state)))


def test_a_state_may_be_donated_while_it_is_saved(tmp_path):
    overwrite = jax.jit(lambda state: jax.tree.map(jnp.zeros_like, state), donate_argnums=0)
    state = _raw(_state(1, width=4000))
    expected = jax.tree.map(np.array, state)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
        jax.block_until_ready(overwrite(state))
    with Checkpoints(tmp_path) as checkpoints:
        restored, _ = checkpoints.restore(_abstract(_raw(_state(1, width=4000))))
    jax.tree.map(np.testing.assert_array_equal, restored, expected)


def test_the_newest_few_are_kept_and_any_can_be_named(tmp_path):
    _save(tmp_path, 1, 2, 3, 4, keep=2)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["3", "4"]
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step == 4
        state, _ = checkpoints.restore(_abstract(_state(0)), step=3)
        assert state.step == 3
        with pytest.raises(UserError, match="no checkpoint of step 1"):
            checkpoints.restore(_abstract(_state(0)), step=1)


def test_saving_a_step_again_needs_force(tmp_path):
    other = _state(5).replace(step=jnp.int32(-1))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(5, _state(5), HASHES)
        checkpoints.wait()
        checkpoints.save(5, other, HASHES)
        checkpoints.wait()
        assert checkpoints.restore(_abstract(_state(0)))[0].step == 5
        checkpoints.save(5, other, HASHES, force=True)
        checkpoints.wait()
        assert checkpoints.restore(_abstract(_state(0)))[0].step == -1


def test_looking_leaves_no_trace(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step is None
        with pytest.raises(UserError, match=rf"no checkpoint in {tmp_path}/checkpoints"):
            checkpoints.restore(_abstract(_state(0)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["truncated", "flipped bit"])
def test_a_broken_checkpoint_gives_way_to_the_one_before(tmp_path, caplog, how):
    _save(tmp_path, 1, 2, 3)
    _damage(tmp_path, 3, how)
    with caplog.at_level(logging.WARNING), Checkpoints(tmp_path) as checkpoints:
        state, hashes = checkpoints.restore(_abstract(_state(0)))
        _assert_same(state, _state(2))
        assert hashes == HASHES
        assert checkpoints.latest_step == 2
        assert f"{tmp_path}/checkpoints/3 is broken" in caplog.text
        # The run goes on from there, past the step that was broken.
        checkpoints.save(3, _state(3), HASHES)
        checkpoints.wait()
        assert checkpoints.latest_step == 3
    _assert_same(_restore(tmp_path)[0], _state(3))


def test_a_step_may_break_again_and_again(tmp_path):
    _save(tmp_path, 1, 2)
    for _ in range(3):
        _damage(tmp_path, 2, "flipped bit")
        with Checkpoints(tmp_path) as checkpoints:
            state, _ = checkpoints.restore(_abstract(_state(0)))
            _assert_same(state, _state(1))
            checkpoints.save(2, _state(2), HASHES)
    _assert_same(_restore(tmp_path)[0], _state(2))
    aside = ["broken_2", "broken_2_2", "broken_2_3"]
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["1", "2", *aside]


@pytest.mark.parametrize("lost", ["state", "layout", "frozen", "sha256.json"])
def test_a_checkpoint_with_a_part_missing_is_broken(tmp_path, lost):
    _save(tmp_path, 1, 2)
    part = tmp_path / "checkpoints" / "2" / lost
    part.rename(tmp_path / "lost")
    _assert_same(_restore(tmp_path)[0], _state(1))


def test_nothing_whole_is_one_sentence(tmp_path):
    _save(tmp_path, 1, 2)
    _damage(tmp_path, 1, "truncated")
    _damage(tmp_path, 2, "flipped bit")
    with pytest.raises(UserError, match=rf"{tmp_path}/checkpoints can be read \(tried 2, 1\)"):
        _restore(tmp_path)


def test_another_models_checkpoint_is_told_apart(tmp_path):
    _save(tmp_path, 1)
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(UserError, match=r"kernel: float32\[300, 64\] there, float32\[300, 9\]"):
            checkpoints.restore(_abstract(_state(0, width=9)))
        other = _state(0).replace(params={"conv": jnp.zeros(3)})
        with pytest.raises(UserError, match=r"params.conv: nothing there, float32\[3\] here"):
            checkpoints.restore(jax.eval_shape(lambda: other))


def test_a_killed_save_leaves_the_good_one(tmp_path):
    program = textwrap.dedent("""
        import os, signal, sys
        from fevgan_jax.run import checkpoint, seal
        from tests.run.test_checkpoint import HASHES, _state

        checkpoints = checkpoint.Checkpoints(sys.argv[1])
        checkpoints.save(1, _state(1), HASHES)
        checkpoints.wait()
        # Every array of the second is written, and its name is not final yet.
        seal._sha256 = lambda path: os.kill(os.getpid(), signal.SIGKILL)
        checkpoints.save(2, _state(2), HASHES)
        checkpoints.wait()
    """)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = sorted(os.listdir(tmp_path / "checkpoints"))
    assert left[0] == "1"
    assert len(left) == 2
    with Checkpoints(tmp_path) as checkpoints:
        state, _ = checkpoints.restore(_abstract(_state(0)))
        _assert_same(state, _state(1))
        assert sorted(os.listdir(tmp_path / "checkpoints")) == left
        checkpoints.save(3, _state(3), HASHES)
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["1", "3"]
    _assert_same(_restore(tmp_path)[0], _state(3))


def test_the_frozen_nets_are_named_in_plain_json(tmp_path):
    _save(tmp_path, 1)
    (file,) = (tmp_path / "checkpoints" / "1" / "frozen").glob("metadata")
    assert json.loads(file.read_text()) == HASHES


def test_a_checkpoint_of_an_earlier_layout_is_converted(tmp_path):
    def bare(state):
        return state.replace(params=state.params["dense"])

    state = _state(1)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, bare(state), HASHES)
    experiments.forget_layout(tmp_path / "checkpoints" / "1")

    layouts = {1: Layout(bare, lambda state: state.replace(params={"dense": state.params}))}
    with Checkpoints(tmp_path) as checkpoints:
        restored, hashes = checkpoints.restore(_abstract(_state(0)), layouts=layouts)
    _assert_same(restored, state)
    assert hashes == HASHES


def test_a_checkpoint_of_a_later_layout_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "VERSION", checkpoint.VERSION + 1)
        _save(tmp_path, 1)
    with pytest.raises(UserError, match=r"another version of fevgan_jax \(layout 3, where this"):
        _restore(tmp_path)


def test_a_checkpoint_is_on_the_disk_before_its_name_is_and_the_name_before_wait_returns(
    tmp_path, monkeypatch
):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, _state(1), HASHES)
        checkpoints.wait()
    folder = tmp_path / "checkpoints"
    assert synced[-1] == str(folder)
    final = synced.index(f"{folder}/1/state")
    before = {path.removeprefix(f"{folder}/").partition("/")[2] for path in synced[:final]}
    written = {str(path.relative_to(folder / "1")) for path in (folder / "1").rglob("*")}
    own_notes = {"_CHECKPOINT_METADATA", "commit_success.txt"}
    assert written - own_notes <= before
    assert {f"{folder}/1/{name}" for name in own_notes & written} <= set(synced)
