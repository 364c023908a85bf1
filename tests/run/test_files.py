import os

import pytest

from fevgan_jax.run.files import require_folder, write_atomic
from fevgan_jax.runtime.errors import UserError


def test_a_file_appears_whole_in_a_new_folder(tmp_path):
    write_atomic(tmp_path / "a" / "b", b"content")
    assert (tmp_path / "a" / "b").read_bytes() == b"content"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "strip.png").mkdir()
    with pytest.raises(UserError, match="png is a folder"):
        write_atomic(tmp_path / "strip.png", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "strip.png"]


def test_content_and_names_are_on_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    write_atomic(tmp_path / "a" / "b" / "c", b"content")
    assert synced[0].startswith(str(tmp_path / "a" / "b" / ".c."))
    assert set(synced[1:]) == {str(tmp_path / "a" / "b"), str(tmp_path / "a"), str(tmp_path)}


def test_a_folder_for_output_may_be_missing_but_no_file(tmp_path):
    require_folder(tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(UserError, match=r"file is a file; name a folder"):
            require_folder(path)


def test_a_folder_with_too_long_a_name_is_told(tmp_path):
    with pytest.raises(UserError, match="longer than 255 bytes; shorten it"):
        require_folder(tmp_path / ("ü" * 128) / "out")


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="may not be written"):
        require_folder(tmp_path / "out")
