"""generate.py: what it makes of a photo, and the files it leaves."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fevgan_jax import EXPRESSIONS, faces
from fevgan_jax import generate as generate_module
from fevgan_jax.animation.portrait import Options
from fevgan_jax.generate import generate, write_outputs
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.run.workdir import read_config, to_json
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import trained
from tests import experiments


@pytest.fixture(scope="module")
def videos():
    """Two clips in which a bright band moves down."""
    frames = np.zeros((8, 32, 32, 3), np.uint8)
    for t in range(8):
        frames[t, 4 * t : 4 * t + 4] = (250, 120, 10)
    return {"anger": frames, "happiness": frames[::-1]}


def test_a_folder_in_the_way_is_told_before_anything_is_written(videos, tmp_path):
    (tmp_path / "strip.png").mkdir()
    with pytest.raises(UserError, match="png is a folder"):
        write_outputs(videos, tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "strip.png"]


def test_write_outputs(videos, tmp_path):
    folder = tmp_path / "new" / "out"
    files = write_outputs(videos, folder)
    names = [f"{name}.{kind}" for name in videos for kind in ("gif", "mp4", "webp")]
    names.append("strip.png")
    assert [file.name for file in files] == names
    assert sorted(path.name for path in folder.iterdir()) == names

    with Image.open(folder / "anger.gif") as animation:
        assert (animation.n_frames, animation.size) == (8, (256, 256))
        animation.seek(3)
        frame = np.asarray(animation.convert("RGB").reduce(8), float)
    assert np.abs(frame - videos["anger"][3]).mean() < 10
    assert (folder / "happiness.mp4").read_bytes()[4:8] == b"ftyp"

    sheet = np.asarray(Image.open(folder / "strip.png"))
    assert sheet.shape == (2 * 128, 9 * 128, 3)
    for row, video in enumerate(videos.values()):
        band = sheet[row * 128 : (row + 1) * 128]
        assert band[:, :128].max() > 200, "the name"
        np.testing.assert_array_equal(band[:, 128:], media.enlarge(media.strip(video), 4))


def test_outputs_are_replaced(videos, tmp_path):
    write_outputs(videos, tmp_path)
    still = {"anger": np.full((4, 32, 32, 3), 128, np.uint8)}
    write_outputs(still, tmp_path)
    with Image.open(tmp_path / "strip.png") as sheet:
        assert sheet.size == (5 * 128, 128)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    experiments.untrained_run(experiments.without_frozen_nets(), workdir)
    return workdir


@pytest.fixture
def crop(tmp_path):
    face = np.zeros((64, 64, 3), np.uint8)
    face[4:60, 8:56] = 90
    write_atomic(tmp_path / "crop.png", media.png(face))
    return tmp_path / "crop.png"


def test_a_crop_makes_all_six_when_none_is_named(run, crop):
    videos = generate(run, crop)
    assert tuple(videos) == EXPRESSIONS
    assert {video.shape for video in videos.values()} == {(32, 64, 64, 3)}
    one = generate(run, crop, ["surprise"])
    np.testing.assert_allclose(one["surprise"].astype(int), videos["surprise"], atol=1)
    assert np.abs(one["surprise"].astype(int) - videos["anger"]).max() > 50


def test_an_unknown_expression_names_the_known_ones(run, crop):
    with pytest.raises(UserError, match=r"no expression 'joy'.*happiness"):
        generate(run, crop, ["joy"])


def test_a_photo_without_a_face_is_named(run, tmp_path):
    write_atomic(tmp_path / "wall.png", media.png(np.full((200, 200, 3), 90, np.uint8)))
    with pytest.raises(UserError, match=r"wall\.png: no face was found"):
        generate(run, tmp_path / "wall.png")


@pytest.fixture
def photo(tmp_path):
    write_atomic(tmp_path / "me.png", media.png(skimage.data.astronaut()[:300, 80:380]))
    return tmp_path / "me.png"


def test_without_a_workdir_the_shipped_weights_move_a_photo(photo):
    videos = generate(None, photo, ["happy", "neutral"], options=Options(seconds=0.12))
    assert {name: video.shape for name, video in videos.items()} == {
        "happiness": (3, 300, 300, 3),
        "neutral": (3, 300, 300, 3),
    }
    picture = np.asarray(Image.open(photo))
    for video in videos.values():
        np.testing.assert_array_equal(video[0], picture)
        assert (video[-1] != picture).any()


def test_a_run_of_whole_crops_refuses_what_it_cannot_do(run, crop):
    with pytest.raises(UserError, match="whole crops, which knows only --face and --fps"):
        generate(run, crop, options=Options(strength=0.5))


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"num_samples": 2}, "leave --seed and --samples out"),
        ({"seed": 1}, "leave --seed and --samples out"),
        ({"weights_dir": "nets"}, "leave --weights_dir out"),
    ],
)
def test_what_shipped_motion_modes_have_no_use_for_is_told(photo, given, mend):
    with pytest.raises(UserError, match=mend):
        generate(None, photo, **given)


def command(*flags):
    return subprocess.run(
        [sys.executable, "-m", "fevgan_jax.generate", *flags],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_of_photos_goes_on_past_a_bad_one(photo, tmp_path):
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    photo.rename(folder / "me.png")
    (folder / "broken.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no photo")
    done = command(
        f"--photo={folder}", f"--output={output}", "--expression=happiness:0.5", "--seconds=0.1"
    )
    assert done.returncode == 2
    assert "1 of 2 photos gave no video: " in done.stderr
    assert "broken.jpg is not a picture" in done.stderr
    names = sorted(path.name for path in (output / "me.png").iterdir())
    stem = "happiness-0.5"
    assert names == [f"{stem}.gif", f"{stem}.mp4", f"{stem}.webp", "strip.png"]
    assert not (output / "broken.jpg").exists()
    done = command(f"--photo={folder}", f"--output={folder}/../photos")
    assert done.returncode == 2
    assert "--output is the folder of the photos" in done.stderr
    done = command(f"--photo={folder}", f"--output={output}", "--expression=foo")
    assert done.returncode == 2
    assert done.stderr.count("there is no expression 'foo'") == 1
    assert "photos gave no video" not in done.stderr


def test_an_output_that_is_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "out").write_text("mine")
    done = command("--photo=missing.jpg", f"--output={tmp_path / 'out'}")
    assert done.returncode == 2
    assert "is a file; name a folder for the output" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "is_replaced"),
    [("fear.webp", True), ("fear_face2.gif", True), ("strip.png", True), ("fear.jpg", False)],
)
def test_a_photo_is_not_replaced_by_a_video(tmp_path, name, is_replaced):
    check = functools.partial(generate_module._check_is_kept, tmp_path / name)
    check(tmp_path / "out", ["fear"])
    if not is_replaced:
        return check(tmp_path, ["fear"])
    with pytest.raises(UserError, match="has the name of a video that would be written there"):
        check(tmp_path, ["fear"])


def test_a_photo_is_kept_and_said_to_be(photo, tmp_path):
    mine = photo.rename(tmp_path / "strip.png")
    before = mine.read_bytes()
    done = command(f"--photo={mine}", f"--output={tmp_path}", "--expression=fear")
    assert done.returncode == 2
    assert "has the name of a video" in done.stderr
    assert mine.read_bytes() == before
    assert list(tmp_path.iterdir()) == [mine]


def test_a_missing_photo_of_a_run_of_whole_crops_is_named(run, tmp_path):
    with pytest.raises(UserError, match=r"me\.jpg cannot be read \(No such file"):
        generate(run, tmp_path / "me.jpg")


def test_a_config_that_is_not_whole_is_one_sentence(crop, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model": {}, "data": {}}))
    with pytest.raises(UserError, match="config"):
        generate(tmp_path, crop)


def test_a_run_of_a_family_that_is_not_here_is_one_sentence(run, crop, tmp_path):
    config = read_config(run)
    config.model.name = "my.family"
    (tmp_path / "config.json").write_bytes(to_json(config))
    with pytest.raises(UserError, match=r"config\.model\.name is 'my\.family'"):
        generate(tmp_path, crop)


def test_a_mistake_is_told_once_for_a_folder_of_photos(run, tmp_path):
    flags = (f"--workdir={run}", f"--photo={tmp_path}", f"--output={tmp_path / 'out'}")
    done = command(*flags, "--expression=joy")
    assert done.returncode == 2
    assert f"{run} knows no expression 'joy'" in done.stderr


def test_a_system_that_draws_by_landmarks_is_given_those_of_the_photo(tmp_path, photo):
    config = experiments.without_frozen_nets()
    config.model = {"name": "fevgan_jax.models.texturegan", "identity_encoder": None}
    config.model.generator, config.model.discriminator = {}, {}
    experiments.narrow(config)
    experiments.untrained_run(config, tmp_path / "run")
    videos = generate(tmp_path / "run", photo, ("happiness",))
    face = faces.prepare_face(photo)
    model = trained.load(tmp_path / "run")
    label = {"label": np.array([config.data.class_names.index("happiness")], np.int32)}
    batch = label | {name: part[None] for name, part in face.items()}
    keys = generate_module._keys(photo, 0, [("happiness", 0)])
    wanted = np.asarray(model.sample(batch, keys))[0].astype(int)
    assert np.abs(videos["happiness"] - wanted).max() <= 1
    moved = batch | {"photo_landmarks": batch["photo_landmarks"] + 9}
    assert np.abs(np.asarray(model.sample(moved, keys))[0] - wanted).max() > 8
