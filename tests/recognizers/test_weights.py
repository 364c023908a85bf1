"""The weights folder and its command: location, refusals and messages."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from fevgan_jax import weights
from fevgan_jax.recognizers import vgg16, weights_folder
from fevgan_jax.runtime.errors import UserError

PARAMS = {"conv1_1": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3)}}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "net.bin"
    path.write_bytes(b"weights")
    return path


def save(source, folder, params=PARAMS, net="net"):
    return weights_folder.save(
        net,
        params,
        converted_from=source,
        source="a test",
        license_text="none",
        weights_dir=folder,
    )


def test_the_folder_is_the_flags_then_the_environments_then_the_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("FEVGAN_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert weights_folder.locate() == tmp_path / "cache" / "fevgan_jax" / "weights"
    monkeypatch.setenv("FEVGAN_WEIGHTS", str(tmp_path / "env"))
    assert weights_folder.locate() == tmp_path / "env"
    assert weights_folder.locate(str(tmp_path / "flag")) == tmp_path / "flag"


def test_what_was_saved_is_loaded_with_its_hash_and_origin(source, tmp_path):
    note = save(source, tmp_path)
    params, sha256 = weights_folder.load("net", tmp_path)
    np.testing.assert_array_equal(params["conv1_1"]["kernel"], PARAMS["conv1_1"]["kernel"])
    assert sha256 == note.sha256
    assert note.source_sha256 == weights_folder.file_sha256(source)
    assert weights_folder.read_note("net", tmp_path) == note


def test_the_hash_depends_on_values_names_shapes_and_types(source, tmp_path):
    kernel = PARAMS["conv1_1"]["kernel"]
    others = [kernel + 1, kernel.reshape(3, 2), kernel.astype(np.int32)]
    nets = [{"a": {"b": array}} for array in (kernel, *others)]
    nets += [{"a": {"c": kernel}}, {"d": {"b": kernel}}]
    hashes = {save(source, tmp_path, params).sha256 for params in nets}
    assert len(hashes) == 6


def test_a_missing_net_names_the_command_that_gets_it(tmp_path):
    with pytest.raises(UserError, match=f"weights --net=net --weights_dir={tmp_path}`"):
        weights_folder.load("net", tmp_path)


def test_a_damaged_file_is_refused(source, tmp_path):
    save(source, tmp_path)
    path = weights_folder.path_of("net", tmp_path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-40], whole.replace(b"\x00\x00\x80\x3f", b"\x00\x00\x80\x3e")):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="make it again with"):
            weights_folder.load("net", tmp_path)


def test_a_file_whose_note_has_another_hash_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr(weights_folder, "_layer_digests", lambda params: {"conv1_1": "0" * 64})
    save(source, tmp_path)
    monkeypatch.undo()
    with pytest.raises(UserError, match="is damaged"):
        weights_folder.load("net", tmp_path)


def test_a_part_of_a_net_is_read_and_checked_by_itself(source, tmp_path):
    other = {"fc6": {"kernel": np.full((4, 4), 7.0, np.float32)}}
    note = save(source, tmp_path, PARAMS | other)
    params, sha256 = weights_folder.load("net", tmp_path, ["conv1_1"])
    assert set(params) == {"conv1_1"} and sha256 == note.sha256
    path = weights_folder.path_of("net", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\x00\x00\xe0\x40", b"\x00\x00\xe1\x40"))
    weights_folder.load("net", tmp_path, ["conv1_1"])
    with pytest.raises(UserError, match="make it again with"):
        weights_folder.load("net", tmp_path, ["fc6"])
    with pytest.raises(UserError, match="make it again with"):
        weights_folder.load("net", tmp_path, ["fc8"])


def test_the_command_converts_once_then_verifies_and_repairs(tmp_path):
    path = weights_folder.path_of("vgg16", tmp_path)
    line = weights.get("vgg16", weights_dir=str(tmp_path))
    assert str(path) in line and vgg16.LICENSE in line
    written = path.stat().st_mtime_ns
    assert weights.get("vgg16", weights_dir=str(tmp_path)) == line
    assert path.stat().st_mtime_ns == written
    path.write_bytes(path.read_bytes()[:-1000])
    assert weights.get("vgg16", weights_dir=str(tmp_path)) == line
    assert vgg16.load(str(tmp_path))[1] in line


def test_a_net_with_other_values_on_the_probe_is_reported(tmp_path, monkeypatch):
    weights.get("vgg16", weights_dir=str(tmp_path))
    monkeypatch.setattr(vgg16, "preprocess", lambda image: image + 5.0)
    with pytest.raises(UserError, match="other values on the probe image"):
        weights.get("vgg16", weights_dir=str(tmp_path))


def test_a_net_with_constant_output_is_not_saved(tmp_path, monkeypatch):
    dead = jax.tree.map(np.zeros_like, vgg16.convert(vgg16.default_source()))
    monkeypatch.setattr(vgg16, "convert", lambda source: dead)
    with pytest.raises(UserError, match="constant or not finite"):
        weights.get("vgg16", weights_dir=str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_offline_a_net_to_be_downloaded_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "deepface"))
    monkeypatch.setattr("deepface.commons.weight_utils.requests.head", unreachable)
    with pytest.raises(UserError, match=r"openface_weights\.h5 is not at .* --source"):
        weights.get("openface", weights_dir=str(tmp_path))
    assert not list(tmp_path.rglob("*.h5"))


def unreachable(*_, **__):
    raise ConnectionError("no network")


def test_a_wrong_source_leaves_the_net_that_is_there(source, tmp_path):
    line = weights.get("vgg16", weights_dir=str(tmp_path))
    with pytest.raises(UserError, match=r"net\.bin is not the file"):
        weights.get("vgg16", str(source), str(tmp_path))
    assert weights.get("vgg16", weights_dir=str(tmp_path)) == line
    assert [entry.name for entry in tmp_path.glob("*.npz")] == ["vgg16.npz"]


def test_the_command_line(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "fevgan_jax.weights", *arguments],
            env=os.environ | {"FEVGAN_WEIGHTS": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    listed = run("--list")
    assert listed.returncode == 0
    assert "vgg16 (59 MB): not there" in listed.stdout
    assert "vggface (580 MB): not there" in listed.stdout
    assert "python -m fevgan_jax.weights --net=vggface`" in listed.stdout
    wrong = run("--net=vgg61")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: there is no frozen net 'vgg61'")
