"""tfds_builders/clip_folder and what all builders of real clips share, through `prepare`."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unicodedata

import numpy as np
import pytest
from PIL import Image

from fevgan_jax import prepare
from fevgan_jax.data import finished, prepared
from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError
from tests import raw_clips

ROOT = pathlib.Path(__file__).parents[2]
NAME = "clip_folder/own"


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Three people with different kinds of names, two expressions, and bad clips."""
    folder = tmp_path_factory.mktemp("raw")
    for number, person in enumerate(["Zoë B", "ann", "bo"]):
        for expression in ("Wink", "grin"):
            drawn = raw_clips.frames(20_000 + number, count=3)
            raw_clips.write(folder / person / expression / "take 1", drawn, "{}.PNG", first=9)
    media.write_mp4(folder / "bo" / "grin" / "film.mp4", raw_clips.frames(20_002, count=3))
    (folder / "ann" / "wink" / "nothing").mkdir(parents=True)
    (folder / "bo" / "Wink" / "sound.wav").write_bytes(b"RIFF")
    (folder / "bo" / "Wink" / "music.wav").write_bytes(b"RIFF")
    (folder / "bo" / "Wink" / "notes.txt").touch()
    (folder / "ann" / "all of it.unknown").touch()
    (folder / "bo" / "grin" / "take 1" / "9.raw").touch()
    bad = folder / "ann" / "grin" / "wall"
    raw_clips.write(bad, np.full((3, 240, 320, 3), raw_clips.WALL, np.uint8))
    (folder / "ann" / "grin" / ".hidden").mkdir()
    (folder / "ann" / "grin" / "take 1" / "Thumbs.db").touch()
    (folder / "ann" / "grin" / "take 1" / "._9.png").touch()
    return folder


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    return data, pathlib.Path(prepare.prepare(NAME, data, raw))


def splits(data, name=NAME):
    return {split: prepared.open_source(data, name, split) for split in ("train", "test")}


def test_clips_are_read_as_those_of_any_set(made):
    sides = splits(made[0])
    names = [name for side in sides.values() for name in side.names]
    person = "Zoë B"
    assert (person, f"{person}/Wink/take 1") in names
    assert ("bo", "bo/grin/film.mp4") in names
    assert len(names) == 7
    for side in sides.values():
        assert side.class_names == ("grin", "wink")
        for index, (_, name) in enumerate(side.names):
            clip = side[index]
            assert side.class_names[clip["label"]] == name.split("/")[1].lower()
            assert clip["video"].shape == (32, 64, 64, 3)
            assert clip["mask"].shape == (32, 64, 64, 1)
            assert clip["landmarks"].shape == (32, 68, 2)
            assert clip["source_frames"][[0, -1]].tolist() == [0, 2]
            # The channels are in order: skin is red more than blue.
            assert clip["video"][..., 0].mean() > clip["video"][..., 2].mean()


def test_no_person_is_in_two_splits(made):
    sides = splits(made[0])
    assert not set(sides["train"].subjects) & set(sides["test"].subjects)
    assert {*sides["train"].subjects, *sides["test"].subjects} == {"Zoë B", "ann", "bo"}


def test_the_report_has_every_clip(made):
    report = json.loads((made[1] / "report.json").read_text())
    assert report["kept"] == 7
    reasons = {each["clip"]: each["reason"] for each in report["skipped"]}
    assert reasons == {
        "ann/grin/wall": "no face was found in it",
        "ann/wink/nothing": "its folder holds no picture",
        "bo/Wink/music.wav": reasons["bo/Wink/music.wav"],
        "bo/Wink/sound.wav": reasons["bo/Wink/sound.wav"],
    }
    assert "sound.wav cannot be read as a video" in reasons["bo/Wink/sound.wav"]
    assert report["reasons"] == {
        "a file cannot be read as a video; save it again as MP4": 2,
        "no face was found in it": 1,
        "its folder holds no picture": 1,
    }
    assert report["unused_files"] == ["ann/all of it.unknown", "bo/grin/take 1/9.raw"]
    assert len(report["kept_from_few_frames"]) == 7
    table = report["kept_and_skipped_by_subject_and_expression"]
    assert table["ann"] == {"grin": [1, 1], "wink": [1, 1]}
    assert table["bo"] == {"grin": [2, 0], "wink": [1, 2]}


def test_the_contact_sheet_has_a_row_an_expression(made):
    sheet = np.asarray(Image.open(made[1] / "contact_sheet.png"))
    assert sheet.shape == (2 * 64 + 2, 4 * 66 - 2, 3)
    assert sheet[:64, :64].any()
    assert not sheet[66:, 3 * 66 :].any()


def test_nothing_is_left_beside_the_set(made):
    assert os.listdir(made[1].parent) == [made[1].name]


def test_a_table_says_which_clips(raw, tmp_path):
    copy = tmp_path / "raw"
    copy.mkdir()
    (copy / "all").symlink_to(raw)
    lines = [
        "path,subject,expression",
        "all/ann/grin/take 1,A,Smile",
        "all/bo/grin/film.mp4,B,Frown",
        "all/bo/grin/take 1," + unicodedata.normalize("NFD", "É") + ",smile",
        "all/bo/Wink/take 1,É,smile",
    ]
    (copy / "clips.csv").write_text("\n".join(lines), "utf-8-sig")  # as spreadsheets save it
    prepare.prepare(NAME, tmp_path / "data", copy)
    sides = splits(tmp_path / "data")
    assert sorted([*sides["train"].subjects, *sides["test"].subjects]) == ["A", "B", "É"]
    assert sides["train"].class_names == ("frown", "smile")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("path,subject\na,b", "lacks expression"),
        ("path,subject,expression\nnowhere,a,b", "line 2: give an existing path"),
        ("path,subject,expression\n.,a,", "line 2"),
        ("path,subject,expression\n.,a,b\n.,b,b", r"the clip \. twice"),
        ("path,subject,expression\n.,a,b", "show 1 person"),
        ("path,subject,expression", "has no clip in"),
    ],
)
def test_a_table_that_is_wrong_is_one_sentence(tmp_path, lines, sentence):
    (tmp_path / "clips.csv").write_text(lines)
    with pytest.raises(UserError, match=sentence):
        prepare.prepare(NAME, tmp_path / "data", tmp_path)
    assert not list(tmp_path.rglob("*1.0.0*"))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("a/b/c/d/0.png", r"0\.png is not in a clip's place"),
        ("a/b.mp4", r"b\.mp4 is not in"),
        ("a/b/c/0.png", "show 1 person"),
        ("a/note.txt", "has no clip in"),
    ],
)
def test_a_folder_of_another_shape_is_one_sentence(tmp_path, path, sentence):
    file = tmp_path / "raw" / path
    file.parent.mkdir(parents=True)
    file.touch()
    with pytest.raises(UserError, match=sentence):
        prepare.prepare(NAME, tmp_path / "data", tmp_path / "raw")


def test_without_usable_clips_the_first_reason_is_reported(tmp_path):
    for name in ("a/grin/1/0.png", "b/grin/1/0.png"):
        (tmp_path / "raw" / name).parent.mkdir(parents=True)
        (tmp_path / "raw" / name).touch()
    with pytest.raises(UserError, match=r"none of 2 clips .* a/grin/1: .*0\.png is not a picture"):
        prepare.prepare(NAME, tmp_path / "data", tmp_path / "raw")
    assert not list(tmp_path.rglob("*1.0.0*"))


def test_an_empty_split_is_reported(tmp_path):
    for name in ("a", "b"):
        raw_clips.write(tmp_path / "raw" / name / "grin" / "1", raw_clips.frames(count=3))
    for file in (tmp_path / "raw" / "b").rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"no clip is left for the split '(train|test)'"):
        prepare.prepare(NAME, tmp_path / "data", tmp_path / "raw")


def test_a_killed_run_resumes_after_the_last_clip(raw, tmp_path, monkeypatch):
    command = ["-m", "fevgan_jax.prepare", f"--dataset={NAME}"]
    command += [f"--raw_dir={raw}", f"--data_dir={tmp_path}"]
    killed = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=subprocess.DEVNULL)
    waiting = tmp_path / NAME / finished.FOLDER
    until = time.time() + 120
    while not (waiting.exists() and os.listdir(waiting)) and time.time() < until:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(1)  # its processes end with it
    before = {path: path.stat().st_mtime_ns for path in waiting.iterdir() if path.name[0] != "."}
    assert before
    seen, write_report = {}, finished.report

    def look(*report):
        seen.update({path: path.stat().st_mtime_ns for path in waiting.iterdir()})
        write_report(*report)

    monkeypatch.setattr(finished, "report", look)
    prepare.prepare(NAME, tmp_path, raw)
    assert {path: seen[path] for path in before} == before
    assert sum(map(len, splits(tmp_path).values())) == 7
    assert os.listdir(tmp_path / NAME) == ["1.0.0"]


def test_an_option_makes_a_set_of_its_own(raw, tmp_path):
    options = ["num_frames=4", "image_size=32", "by=time"]
    made = prepare.prepare(NAME, tmp_path, raw, options)
    name = f"{NAME}-by.time-image_size.32-num_frames.4"
    assert made == str(tmp_path / name / "1.0.0")
    assert splits(tmp_path, name)["train"][0]["video"].shape == (4, 32, 32, 3)


def test_a_still_picture_is_kept_when_asked_for(tmp_path):
    raw = tmp_path / "raw"
    for number in range(2):
        drawn = [raw_clips.frames(20_000 + number)[0]] * 2
        raw_clips.write(raw / f"person {number}" / "grin" / "take", drawn)
    with pytest.raises(UserError, match="nothing moves in it"):
        prepare.prepare(NAME, tmp_path / "data", raw)
    made = pathlib.Path(prepare.prepare(NAME, tmp_path / "data", raw, ["strict=False"]))
    assert json.loads((made / "report.json").read_text())["kept"] == 2


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "size=3",
            "'size=3' is not an option of this set: give one of tracker=str, image_size=int",
        ),
        ("image_size=big", "'image_size=big' is not an option"),
        ("strict=no", "'strict=no' is not an option"),
        ("image_size=0", "--option=image_size=0 is too small"),
        ("num_frames=-1", "--option=num_frames=-1 is too small"),
        ("by=luck", "by=luck is not known: give one of arc_length, time"),
        ("until=noon", "until=noon is not known: give one of half, apex, end"),
        ("tracker=eyes", "tracker=eyes is not known: give one of dlib"),
    ],
)
def test_an_unknown_option_lists_the_known_ones(raw, tmp_path, option, sentence):
    with pytest.raises(UserError, match=sentence):
        prepare.prepare(NAME, tmp_path, raw, [option])


def test_the_command_shows_progress_and_whose_landmarks_they_are(raw, tmp_path):
    arguments = [f"--dataset={NAME}", f"--raw_dir={raw}", f"--data_dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "fevgan_jax.prepare", *arguments, "--option=num_frames=2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Preparing clips: 100%" in done.stderr
    assert "non-commercial use only" in done.stderr
    assert "skipped ann/grin/wall: no face" in done.stderr
    assert "kept 7 clips, skipped 4" in done.stderr
