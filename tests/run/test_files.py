import os

import pytest

from fevgan_jax.run.files import write_atomic


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


def test_content_and_names_are_on_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    write_atomic(tmp_path / "a" / "b" / "c", b"content")
    assert synced[0].startswith(str(tmp_path / "a" / "b" / ".c."))
    assert set(synced[1:]) == {str(tmp_path / "a" / "b"), str(tmp_path / "a"), str(tmp_path)}
