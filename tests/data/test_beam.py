"""data/beam.py and clips that Beam has prepared, without the package."""

import json
import pathlib
import sys
import types

import numpy as np
import pytest

from fevgan_jax import prepare
from fevgan_jax.data import beam, finished, prepared
from fevgan_jax.runtime.errors import UserError
from tests import raw_clips

NAME = "clip_folder/own"


@pytest.fixture
def raw(tmp_path):
    for number, person in enumerate(("ann", "bo")):
        clip = tmp_path / "raw" / person / "grin" / "1"
        raw_clips.write(clip, raw_clips.frames(20_000 + number, count=3))
    (tmp_path / "raw" / "bo" / "grin" / "2").mkdir()
    return tmp_path / "raw"


class Elsewhere:
    """Replaces a Beam run: does all of the work, one item after another."""

    def __init__(self):
        self.clips = []

    def each(self, work, items):
        for item in items:
            self.clips.append(item.name)
            work(item)


def records(data_dir):
    sources = [prepared.open_source(data_dir, NAME, split) for split in ("train", "test")]
    return [source[index] for source in sources for index in range(len(source))]


def test_the_same_records_come_out(raw, tmp_path, monkeypatch):
    here = pathlib.Path(prepare.prepare(NAME, tmp_path / "here", raw))
    ahead = Elsewhere()
    # Clips prepared ahead are not prepared again: only skipped ones are tried.
    looked_at = []
    original = finished.Workers.map

    def spy(self, work, items):
        folder = work.keywords["folder"]
        looked_at.append((len(list(folder.iterdir())), len(items)))
        return original(self, work, items)

    monkeypatch.setattr(finished.Workers, "map", spy)
    there = pathlib.Path(prepare.prepare(NAME, tmp_path / "there", raw, ahead=ahead))
    assert looked_at == [(2, 3)]
    assert ahead.clips == ["ann/grin/1", "bo/grin/1", "bo/grin/2"]
    for mine, theirs in zip(records(tmp_path / "here"), records(tmp_path / "there"), strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            np.testing.assert_array_equal(theirs[name], value)
    reports = [json.loads((made / "report.json").read_text()) for made in (here, there)]
    assert reports[0] == reports[1]
    assert reports[0]["skipped"] == [{"clip": "bo/grin/2", "reason": "its folder holds no picture"}]


def test_without_the_package_the_extra_is_named(monkeypatch):
    for name in ("apache_beam", "apache_beam.runners"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"pip install \"fevgan_jax\[beam\]\""):
        beam.Run("DirectRunner")


def test_an_unknown_runner_is_named(monkeypatch):
    def create_runner(name):
        raise ValueError(name)

    runners = types.SimpleNamespace(create_runner=create_runner)
    monkeypatch.setitem(sys.modules, "apache_beam", types.ModuleType("apache_beam"))
    monkeypatch.setitem(sys.modules, "apache_beam.runners", runners)
    with pytest.raises(UserError, match="no runner 'Sprinter'"):
        beam.Run("Sprinter")


def test_a_rendered_set_refuses_beam(tmp_path):
    with pytest.raises(UserError, match="synthetic_faces/tiny is not made from files"):
        prepare.prepare("synthetic_faces/tiny", tmp_path, ahead=Elsewhere())
