"""tfds_builders/mug: variants of its folders, and its named splits."""

import json
import pathlib

import pytest

from fevgan_jax import EXPRESSIONS, prepare
from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import mug
from fevgan_jax.tfds_builders.mug.mug_dataset_builder import Builder
from tests import raw_clips

SPLITS = json.loads((pathlib.Path(mug.__file__).parent / "splits.json").read_text())
FRAMES = [f"img_{number:04d}.jpg" for number in (0, 1, 2, 4)]


def builder(config, folder):
    return Builder(config=config, data_dir=folder / "data")


def touch(folder, names=FRAMES):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def tree(tmp_path):
    raw = tmp_path / "raw"
    touch(raw / "001" / "anger" / "take000")
    touch(raw / "001" / "anger" / "take002end")
    touch(raw / "001" / "Happiness" / "TAKE000nsg")
    touch(raw / "001" / "neutral" / "take000")
    touch(raw / "001" / "fear" / "003")
    touch(raw / "002" / "session1" / "fear" / "take000")
    touch(raw / "002" / "session0" / "fear" / "take000")
    touch(raw / "subjects3" / "049" / "session0" / "surprise" / "take000", ["img_0000.PNG"])
    touch(raw / "084" / "sadness" / "take001", ["img_0010.jpeg", "img_0009.JPG", "img_2.jpg"])
    touch(raw / "084" / "sadness" / "take001", [".img_0003.jpg", "Thumbs.db", "thumb_1.jpg"])
    touch(raw / "084" / "sadness" / ".thumbnails")
    touch(raw / "084" / "__MACOSX" / "sadness" / "take001")
    touch(raw / "notes", ["readme.jpg"])
    return raw


def test_variants_of_the_folders_are_accepted(tree, tmp_path):
    found = {clip.name: clip for clip in builder("paper", tmp_path).find(tree)}
    assert {name: (clip.subject, clip.expression) for name, clip in found.items()} == {
        "001/anger/take000": ("001", "anger"),
        "001/anger/take002end": ("001", "anger"),
        "001/Happiness/TAKE000nsg": ("001", "happiness"),
        "001/fear/003": ("001", "fear"),
        "002/session1/fear/take000": ("002", "fear"),
        "002/session0/fear/take000": ("002", "fear"),
        "049/session0/surprise/take000": ("049", "surprise"),
        "084/sadness/take001": ("084", "sadness"),
    }
    frames = {
        name: [pathlib.Path(file).name for file in clip.files] for name, clip in found.items()
    }
    assert frames["001/anger/take000"] == FRAMES
    assert frames["084/sadness/take001"] == ["img_2.jpg", "img_0009.JPG", "img_0010.jpeg"]


@pytest.mark.parametrize(("name", "sizes"), [("imaginator", (42, 10)), ("lfdm", (26, 26))])
def test_published_splits_divide_all_of_mug(name, sizes, tmp_path):
    sides = builder(name, tmp_path).divide(SPLITS["subjects"])
    assert (len(sides["train"]), len(sides["test"])) == sizes
    assert sorted(sides["train"] + sides["test"]) == SPLITS["subjects"]
    assert sides == {side: SPLITS[name][side] for side in ("train", "test")}


def test_the_papers_split_is_80_to_20(tmp_path):
    sides = builder("paper", tmp_path).divide(SPLITS["subjects"])
    assert (len(sides["train"]), len(sides["test"])) == (42, 10)
    assert sorted(sides["train"] + sides["test"]) == SPLITS["subjects"]


def test_people_outside_of_a_published_split_are_left_out(tmp_path):
    few = ["001", "017", "099"]
    assert builder("lfdm", tmp_path).divide(few) == {"train": ["017"], "test": ["001"]}
    with pytest.raises(UserError, match="lfdm's split 'train' has no clip"):
        builder("lfdm", tmp_path).divide(["001", "099"])


def test_a_set_has_the_way_to_the_middle_of_each_clip(tmp_path):
    for number, subject in enumerate(("001", "017", "055")):
        drawn = raw_clips.frames(20_000 + number, count=3)
        there_and_back = [*drawn, *drawn[1::-1]]
        raw_clips.write(tmp_path / "raw" / subject / "happiness" / "take000", there_and_back)
    touch(tmp_path / "raw" / "099" / "anger" / "take000")
    made = prepare.prepare("mug/imaginator", tmp_path / "data", tmp_path / "raw")
    train, test = (
        prepared.open_source(tmp_path / "data", "mug/imaginator", side)
        for side in ("train", "test")
    )
    assert (train.subjects, test.subjects) == (("001",), ("017", "055"))
    assert train.class_names == EXPRESSIONS
    assert EXPRESSIONS[train[0]["label"]] == "happiness"
    assert train[0]["video"].shape == (32, 64, 64, 3)
    assert train[0]["source_frames"][[0, -1]].tolist() == [0, 2]
    report = json.loads((pathlib.Path(made) / "report.json").read_text())
    assert report["kept"] == 3
    assert report["skipped"] == [
        {"clip": "099/anger/take000", "reason": "099 is not in a split of mug/imaginator"}
    ]
    assert report["kept_and_skipped_by_subject_and_expression"]["099"] == {"anger": [0, 1]}
