"""tfds_builders/oulu_casia: one spectrum and one light, at any depth of folders."""

import dataclasses
import pathlib

import pytest

from fevgan_jax import prepare
from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders.oulu_casia.oulu_casia_dataset_builder import Builder
from tests import raw_clips


def find(raw, **changes):
    config = dataclasses.replace(Builder.BUILDER_CONFIGS[0], name="test", **changes)
    found = Builder(config=config, data_dir=raw.parent / "data").find(raw)
    return {clip.name: pathlib.Path(clip.files[0]).parent.relative_to(raw) for clip in found}


def touch(folder):
    folder.mkdir(parents=True)
    for number in (0, 1, 3):
        (folder / f"{number:03d}.jpeg").touch()


@pytest.fixture
def raw(tmp_path):
    for top in ("VL_Acropped/VL", "OriginalImg/VL", "NI_Acropped/NI"):
        for light in ("Strong", "Weak", "Dark"):
            touch(tmp_path / "raw" / top / light / "P001" / "Anger")
    touch(tmp_path / "raw" / "VL_Acropped" / "VL" / "Strong" / "P080" / "Surprise")
    touch(tmp_path / "raw" / "VL_Acropped" / "VL" / "Strong" / "P080" / "Talking")
    return tmp_path / "raw"


def test_the_papers_light_is_found_and_whole_frames_come_first(raw):
    found = {name: path.parts[:3] for name, path in find(raw).items()}
    assert found == {
        "P001/anger": ("OriginalImg", "VL", "Strong"),
        "P080/surprise": ("VL_Acropped", "VL", "Strong"),
    }


@pytest.mark.parametrize("cropped", ["Acropped", "VL_Acropped"])
def test_whole_frames_are_taken_wherever_they_come_in_the_alphabet(tmp_path, cropped):
    for top in (cropped, "OriginalImg"):
        touch(tmp_path / "raw" / top / "VL" / "Strong" / "P001" / "Anger")
    (path,) = find(tmp_path / "raw").values()
    assert path.parts[0] == "OriginalImg"


def test_other_lights_are_fields(raw):
    (path,) = find(raw, light="dark").values()
    assert path.parts[:3] == ("OriginalImg", "VL", "Dark")
    (path,) = find(raw, spectrum="ni", light="weak").values()
    assert path.parts[:3] == ("NI_Acropped", "NI", "Weak")


@pytest.mark.parametrize("level", ["", "x/y"])
def test_the_levels_above_may_differ(tmp_path, level):
    touch(tmp_path / "raw" / level / "p001" / "HAPPINESS")
    assert list(find(tmp_path / "raw")) == ["P001/happiness"]


def test_a_set_has_whole_clips(tmp_path):
    for number in range(2):
        drawn = raw_clips.frames(20_000 + number, "surprise", 3)
        folder = tmp_path / "raw" / "VL" / "Strong" / f"P00{number + 1}" / "Surprise"
        raw_clips.write(folder, drawn, "{:03d}.jpeg")
    prepare.prepare("oulu_casia/paper", tmp_path / "data", tmp_path / "raw")
    train, test = (
        prepared.open_source(tmp_path / "data", "oulu_casia/paper", side)
        for side in ("train", "test")
    )
    assert {*train.subjects, *test.subjects} == {"P001", "P002"}
    assert not {*train.subjects} & {*test.subjects}
    assert train[0]["video"].shape == (32, 64, 64, 3)
    assert train[0]["source_frames"][[0, -1]].tolist() == [0, 2]


def test_an_unknown_spectrum_lists_the_known_ones():
    with pytest.raises(UserError, match="spectrum is 'nir': give one of vl, ni"):
        dataclasses.replace(Builder.BUILDER_CONFIGS[0], spectrum="nir")
