import json
import os
import shutil
from unittest import mock

import jax
import numpy as np
import pytest

from fevgan_jax import recognizers
from fevgan_jax.configs import demo_warmup
from fevgan_jax.data import prepared
from fevgan_jax.models.inputs import to_signed
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import loop as training
from fevgan_jax.training import programs, trained
from fevgan_jax.training.family import build_family
from fevgan_jax.training.sampling import clip_keys
from tests import experiments


def lines(workdir):
    path = workdir / "metrics.jsonl"
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    config = experiments.without_frozen_nets()
    config.data.dataset = "synthetic_faces/tiny"
    config.data.data_dir = str(tiny_data)
    config.num_steps, config.num_samples = 1, 2
    config.encode_once = True  # without E_id there is nothing to encode
    workdir = tmp_path_factory.mktemp("run")
    training.train(config, workdir)
    return config, workdir


def test_a_workdir_holds_what_it_should(run):
    _, workdir = run
    names = {path.name for path in workdir.iterdir()}
    assert {"config.json", "checkpoints", "metrics.jsonl"} <= names
    assert any(name.startswith("events") for name in names)


def test_a_workdir_alone_is_enough_to_sample(run):
    _, workdir = run
    model = trained.load(workdir, sampling_only=False)
    model = model.replace(state=experiments.vivid(model.state))
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    label = np.array([0, 5], np.int32)
    keys = clip_keys(0, "ab")
    video = np.asarray(model.sample({"photo": image, "label": label}, keys))
    assert video.shape == (2, 32, 64, 64, 3)
    assert video.dtype == np.uint8
    repeated = {"photo": np.repeat(image[:1], 2, axis=0), "label": label}
    of_one = np.asarray(model.sample(repeated, keys), np.int32)
    one = {"photo": image[:1], "label": label}
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), one)
    once = model.sample_once(shapes, keys)(one)
    assert np.abs(np.asarray(once, np.int32) - of_one).max() <= 1
    for photo, named in ((image[::-1], label), (image, label[::-1])):
        other = np.asarray(model.sample({"photo": photo, "label": named}, keys), np.int32)
        assert np.abs(other - video).max() > 50


def test_a_finished_run_is_left_as_it_is_and_compiles_nothing(run, monkeypatch):
    config, workdir = run
    before = lines(workdir)
    monkeypatch.setattr(training, "lower_train_step", None)
    assert int(training.train(config, workdir).step) == config.num_steps
    assert lines(workdir) == before


def test_a_workdir_of_another_model_is_refused(run):
    config, workdir = run
    config = config.copy_and_resolve_references()
    config.model.generator.decoder_features = (4, 4, 4, 4)
    with pytest.raises(UserError, match="another experiment"):
        training.train(config, workdir)


def content(workdir):
    """Every file of a workdir, with its bytes."""
    return {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("batch_size", 7, "batch_size=7"),
        ("log_every", 0, "config.log_every is 0"),
        ("data.frames", (0, 32), r"config.data.frames is \(0, 32\), .* have 32 frames"),
        ("data.window", 33, "config.data.window is 33, .* have 32 frames"),
        ("freeze", ("generator/encodr_0",), "config.freeze: the generator has no part 'encodr_0'"),
        ("initial_weights", "nothing", "no released weights 'nothing'"),
    ],
)
def test_a_config_that_cannot_be_used_leaves_no_workdir(run, tmp_path, path, value, sentence):
    config = run[0].copy_and_resolve_references()
    config.update_from_flattened_dict({path: value})
    with pytest.raises(UserError, match=sentence):
        training.train(config, tmp_path / "new")
    assert not os.path.exists(tmp_path / "new")


def test_a_file_is_no_workdir(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file; name a folder"):
        training.train(run[0], tmp_path / "file")


def test_a_step_that_does_not_compile_leaves_the_workdir_as_it_was(run, tmp_path, monkeypatch):
    config, workdir = run[0].copy_and_resolve_references(), tmp_path / "resumed"
    shutil.copytree(run[1], workdir)
    with open(workdir / "metrics.jsonl", "a") as file:
        file.write('{"step": 9}\n')  # of a later step than the checkpoint's
    before = content(workdir)
    failing = mock.Mock(**{"compile.side_effect": MemoryError})
    monkeypatch.setattr(training, "lower_train_step", lambda *arguments: failing)
    config.num_steps, config.generator_optimizer.learning_rate = 2, 1e-5
    for folder in (tmp_path / "new", workdir):
        with pytest.raises(MemoryError):
            training.train(config, folder)
    assert not os.path.exists(tmp_path / "new")
    assert content(workdir) == before


def test_a_resume_may_change_rates_and_weights_and_says_so(run, tmp_path):
    config, workdir = run[0].copy_and_resolve_references(), tmp_path / "resumed"
    shutil.copytree(run[1], workdir)
    config.num_steps, config.generator_optimizer.learning_rate = 2, 1e-5
    config.generator_loss.reconstruction = {"name": "constant_schedule", "value": 1.0}
    assert int(training.train(config, workdir).step) == 2
    changes = [json.loads(line) for line in (workdir / "changes.jsonl").read_text().splitlines()]
    assert {change["step"] for change in changes} == {1}
    assert [change["field"] for change in changes] == [
        "generator_loss.reconstruction",
        "generator_optimizer.learning_rate",
        "num_steps",
    ]
    assert trained.load(workdir).config.num_steps == 2


def test_a_workdir_of_the_first_version_goes_on(run, tmp_path):
    config, workdir = run[0].copy_and_resolve_references(), tmp_path / "old"
    shutil.copytree(run[1], workdir)
    kept = json.loads((workdir / "config.json").read_text())
    for name in ("version", "rule", "augmentation", "freeze", "initial_parts", "microbatches"):
        del kept[name]
    for name in ("shapes", "window", "frames"):
        del kept["data"][name]
    (workdir / "config.json").write_text(json.dumps(kept))
    assert int(trained.load(workdir).state.step) == 1
    assert int(training.train(config, workdir).step) == 1
    assert not os.path.exists(workdir / "changes.jsonl")


def test_an_infinite_update_stops_the_run_at_its_step_and_is_not_saved(run, tmp_path):
    config = run[0].copy_and_resolve_references()
    config.generator_optimizer.learning_rate = float("inf")
    config.num_steps = config.log_every = config.checkpoint_every = 4
    with pytest.raises(FloatingPointError, match="at step 1:"):
        training.train(config, tmp_path)
    assert not lines(tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_an_optimizer_that_is_not_finite_is_not_saved(run, tmp_path):
    config = run[0].copy_and_resolve_references()
    # The squares of its gradients overflow, and an update divided by their root is nothing.
    config.generator_loss.reconstruction = 1e25
    config.num_steps = config.checkpoint_every = 1
    with pytest.raises(
        FloatingPointError, match=r"generator\.optimizer\.\S+ was not finite at step 1"
    ):
        training.train(config, tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_without_a_checkpoint_says_so(run, tmp_path):
    _, workdir = run
    (tmp_path / "config.json").write_text((workdir / "config.json").read_text())
    with pytest.raises(UserError, match="no checkpoint yet"):
        trained.load(tmp_path)


def test_photos_are_encoded_in_the_order_of_the_clips(tiny_data, random_nets):
    config = demo_warmup.get_config()
    frozen, _ = recognizers.load([config.model.identity_encoder], None)
    source = prepared.open_source(tiny_data, "synthetic_faces/tiny", "train")
    encoded = programs.encode_photos(build_family(config), frozen, source)["identity"]
    assert len(encoded) == len(source) == 48  # more than one batch, and the last is not full
    for index in (0, 32, 47):
        photo = to_signed(source[index]["video"][:1])
        expected = recognizers.encode(config.model.identity_encoder, frozen, photo)[0]
        np.testing.assert_allclose(encoded[index], expected, rtol=1e-3, atol=1e-3)
    assert np.abs(encoded[0] - encoded[47]).max() > 0.01
