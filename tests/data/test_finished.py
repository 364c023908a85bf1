"""data/finished.py: preparation of clips, and what happens on a full or read-only disk."""

import dataclasses
import errno
import json
import os
import pathlib

import numpy as np
import pytest

from fevgan_jax import prepare
from fevgan_jax.data import finished
from fevgan_jax.runtime.errors import UserError
from tests import raw_clips

NAME = "clip_folder/own"


class InThisProcess:
    """Replaces `Workers`, whose processes a test cannot patch."""

    def __init__(self, count):
        self.map = map


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.setattr(finished, "Workers", InThisProcess)
    for number, person in enumerate(("ann", "bo")):
        clip = tmp_path / "raw" / person / "grin" / "1"
        raw_clips.write(clip, raw_clips.frames(20_000 + number, count=2))
    return tmp_path / "raw"


@pytest.mark.parametrize("changed", ["nothing", "size", "date", "setting"])
def test_a_clip_is_prepared_again_when_its_files_or_settings_change(raw, tmp_path, changed):
    files = tuple(str(file) for file in sorted((raw / "ann" / "grin" / "1").iterdir()))
    clips = [finished.Clip("ann", "grin", "ann/grin/1", files)]
    settings = finished.Settings("dlib", 64, 32, "arc_length", "end")
    (first,) = finished.finish(clips, settings, tmp_path)
    last = os.stat(files[-1])
    if changed == "size":
        with open(files[-1], "ab") as file:
            file.write(b"\n")
        os.utime(files[-1], ns=(last.st_atime_ns, last.st_mtime_ns))
    elif changed == "date":
        os.utime(files[-1], ns=(last.st_atime_ns, last.st_mtime_ns + 1))
    elif changed == "setting":
        settings = dataclasses.replace(settings, num_frames=16)
    (second,) = finished.finish(clips, settings, tmp_path)
    assert (second.file == first.file) == (changed == "nothing")


def fail_once(monkeypatch, count, code):
    """Fails the write after `count` files, as the system does on a full disk."""
    tried, write = [], finished.write_atomic

    def write_or_fail(path, content):
        tried.append(path)
        if len(tried) == count + 1:
            raise OSError(code, os.strerror(code), str(path))
        write(path, content)

    monkeypatch.setattr(finished, "write_atomic", write_or_fail)
    return tried


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_a_full_disk_is_one_sentence_and_finished_clips_stay(raw, tmp_path, monkeypatch, room):
    data = tmp_path / "data"
    with monkeypatch.context() as full:
        tried = fail_once(full, room, errno.ENOSPC)
        with pytest.raises(UserError, match=rf"the disk of {data} is full: free space"):
            prepare.prepare(NAME, data, raw)
    assert not [*data.rglob("*1.0.0"), *data.rglob("*incomplete*")]
    before = {path: path.stat().st_mtime_ns for path in tried[: min(room, 2)]}
    monkeypatch.setattr(finished, "report", lambda *report: None)
    monkeypatch.setattr(prepare.shutil, "rmtree", lambda *args, **how: None)
    prepare.prepare(NAME, data, raw)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_read_only_disk_stops_the_run_and_skips_no_clip(raw, tmp_path, monkeypatch):
    fail_once(monkeypatch, 1, errno.EROFS)
    # `cli` turns it into one sentence.
    with pytest.raises(OSError, match="Read-only file system"):
        prepare.prepare(NAME, tmp_path / "data", raw)
    assert not [*tmp_path.rglob("*1.0.0"), *tmp_path.rglob("*incomplete*")]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_target_that_cannot_be_written_is_named(raw, tmp_path, monkeypatch, code):
    def refuse(path, mode):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(prepare, "open", refuse, raising=False)
    sentence = rf"cannot write to {tmp_path}/data \({os.strerror(code)}\)"
    with pytest.raises(UserError, match=sentence):
        prepare.prepare(NAME, tmp_path / "data", raw)


def test_the_report_counts_kinds_of_reasons_and_lists_clips_of_few_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(finished, "Workers", InThisProcess)
    empty = np.full((raw_clips.HEIGHT, raw_clips.WIDTH, 3), raw_clips.WALL, np.uint8)
    moving, other = raw_clips.frames(), raw_clips.frames(20_001)
    drawn = {
        "few": moving[::2],
        "few after frames without a face": [*[empty] * 5, *moving[::2]],
        "enough": [*moving, *moving[::-1]],
        "walk 1": [np.roll(moving[0], 13 * i, axis=1) for i in range(5)],
        "walk 2": [np.roll(moving[0], 26 * i, axis=1) for i in range(4)],
        "still": [moving[0]] * 3,
        "another person": [*moving, *other],
        "broken 1": moving,
        "broken 2": moving,
        "no face": [empty] * 3,
    }
    clips = []
    for name, frames in drawn.items():
        raw_clips.write(tmp_path / "raw" / name, frames)
        files = tuple(map(str, sorted((tmp_path / "raw" / name).iterdir())))
        clips.append(finished.Clip("ann", "grin", name, files))
        if name.startswith("broken"):
            pathlib.Path(files[1]).write_bytes(b"")
    settings = finished.Settings("dlib", 64, 32, "arc_length", "end")
    finished.report(finished.finish(clips, settings, tmp_path / "clips"), tmp_path, ["a.raw"])
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["kept"] == 3
    assert report["kept_from_few_frames"] == ["few", "few after frames without a face"]
    assert report["reasons"] == {
        "its face leaves the crop in frame N": 2,
        "a file is not a picture; give a JPEG, PNG or HEIC photo.": 2,
        "nothing moves in it: it is a still picture": 1,
        "the picture changes abruptly in frame N: a cut, another person or another light": 1,
        "no face was found in it": 1,
    }
    assert report["unused_files"] == ["a.raw"]
