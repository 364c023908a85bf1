"""faces/clip.py: from a clip's files to its features, and each kind of bad clip."""

import pathlib
import shutil
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from fevgan_jax.data import timing
from fevgan_jax.faces import clip, crop, photo, track
from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError
from tests import raw_clips

BLANK = np.full((raw_clips.HEIGHT, raw_clips.WIDTH, 3), raw_clips.WALL, np.uint8)


@pytest.fixture(scope="module")
def finder():
    return track.finder("dlib")


@pytest.fixture
def files(tmp_path):
    raw_clips.write(tmp_path, raw_clips.frames())
    return sorted(map(str, tmp_path.iterdir()))


def test_a_clip_becomes_features(finder, files):
    made = clip.make(files, finder, num_frames=8)
    assert made["video"].shape == (8, 64, 64, 3)
    assert made["mask"].shape == (8, 64, 64, 1)
    assert made["landmarks"].shape == (8, 68, 2)
    assert {made[name].dtype for name in ("video", "mask")} == {np.dtype(np.uint8)}
    assert made["source_frames"][[0, -1]].tolist() == [0, 4]
    assert (made["video"][np.repeat(made["mask"] == 0, 3, axis=-1)] == 0).all()
    assert 0 < ((made["mask"] > 0) & (made["mask"] < 255)).mean() < 0.1
    # The mask keeps brows and chin, and moves with the face.
    for points, mask in zip(made["landmarks"], made["mask"][..., 0], strict=True):
        column, row = points[17:].astype(int).T
        assert (mask[row, column] == 255).all()
    assert (made["mask"][0] != made["mask"][-1]).any()
    assert clip.make(files, finder, image_size=96)["video"].shape == (32, 96, 96, 3)


def test_one_transform_serves_the_whole_clip(finder, tmp_path):
    shifts = np.array([0, 10, 20])
    shifted = [np.roll(raw_clips.frames()[0], shift, axis=1) for shift in shifts]
    raw_clips.write(tmp_path, shifted)
    made = clip.make(sorted(map(str, tmp_path.iterdir())), finder, num_frames=3, by="time")
    follower = track.Track(finder)
    follower.add(shifted[0])
    transform = crop.align(follower.landmarks()[0], 64)
    moved = (made["landmarks"] - made["landmarks"][0]).mean(1)[:, 0]
    np.testing.assert_allclose(moved, transform[0, 0] * shifts, atol=0.5)
    # The picture moves as its landmarks do.
    inside = (made["mask"][[0, -1]] == 255).all(0)[..., 0]
    first, last = made["video"][[0, -1]].astype(float)
    assert np.abs(first - last)[inside].mean() > 5


def test_frame_0_is_the_neutral_input(finder, files):
    (first,) = {
        clip.make(files, finder, num_frames=count, by=by, until=until)["video"][0].tobytes()
        for count, by, until in ((3, "time", "end"), (9, "arc_length", "apex"), (5, "time", "half"))
    }
    assert np.frombuffer(first, np.uint8).any()


@pytest.mark.parametrize("kind", ["frames", "video"])
def test_the_part_that_is_used(finder, tmp_path, kind):
    frames = raw_clips.frames()
    frames = np.concatenate([frames, frames[-2::-1]])
    if kind == "video":
        media.write_mp4(tmp_path / "clip.mp4", frames)
    else:
        raw_clips.write(tmp_path, frames)
    files = sorted(map(str, tmp_path.iterdir()))
    ends = {
        until: clip.make(files, finder, num_frames=4, until=until)["source_frames"][-1]
        for until in ("half", "apex", "end")
    }
    assert ends["half"] == timing.first_half(9) - 1
    assert abs(ends["apex"] - 4) <= 1
    assert ends["end"] == 8


def test_the_apex_is_the_last_frame_that_is_used(finder, files, monkeypatch):
    monkeypatch.setattr(timing, "apex", lambda landmarks: 3)
    assert clip.make(files, finder, num_frames=4, until="apex")["source_frames"][-1] == 3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no file", "no picture"),
        ("one frame", "needs two"),
        ("zero bytes", r"img_0002\.jpg is not a picture"),
        ("cut off", r"img_0002\.jpg cannot be read"),
        ("two sizes", "different sizes"),
        ("no face", "no face was found in it"),
        ("a still", "nothing moves in it"),
        ("a walk", "leaves the crop in frame"),
        ("a cut", "jumps in frame 3"),
        ("another person", "changes abruptly in frame 3"),
        ("another person after black", "changes abruptly in frame 4"),
        ("broken video", r"clip\.mp4 cannot be read"),
    ],
)
def test_a_bad_clip_says_why(finder, files, tmp_path, kind, reason):
    match kind:
        case "no file":
            files = []
        case "one frame":
            files = files[:1]
        case "zero bytes":
            pathlib.Path(files[2]).write_bytes(b"")
        case "cut off":
            content = pathlib.Path(files[2]).read_bytes()
            pathlib.Path(files[2]).write_bytes(content[: len(content) // 2])
        case "two sizes":
            raw_clips.write(tmp_path, raw_clips.frames()[:1, :-8], first=1)
        case "no face":
            raw_clips.write(tmp_path, [BLANK] * 5)
        case "a still":
            raw_clips.write(tmp_path, [raw_clips.frames()[0]] * 5)
        case "a walk":
            raw_clips.write(tmp_path, [np.roll(raw_clips.frames()[0], 13 * i, 1) for i in range(5)])
        case "a cut":
            raw_clips.write(tmp_path, np.roll(raw_clips.frames()[3:], 33, axis=2), first=3)
        case "another person":
            raw_clips.write(tmp_path, raw_clips.frames(20_001)[3:], first=3)
        case "another person after black":
            raw_clips.write(tmp_path, [BLANK, *raw_clips.frames(20_001)[3:]], first=3)
            files = sorted(map(str, tmp_path.iterdir()))
        case "broken video":
            files = [str(tmp_path / "clip.mp4")]
            pathlib.Path(files[0]).write_text("no video")
    with pytest.raises(UserError, match=reason):
        clip.make(files, finder)


@pytest.mark.parametrize("person", range(20_000, 20_006))
def test_the_fastest_expression_is_no_cut(finder, tmp_path, person):
    raw_clips.write(tmp_path, raw_clips.frames(person, "surprise", count=2))
    assert clip.make(sorted(map(str, tmp_path.iterdir())), finder, num_frames=2)["video"].any()


def test_a_frame_that_hides_the_face_is_no_cut(finder, tmp_path):
    first, *others = raw_clips.frames()
    raw_clips.write(tmp_path, [first, np.zeros_like(BLANK), *others])
    assert clip.make(sorted(map(str, tmp_path.iterdir())), finder, num_frames=4)["video"].any()


@pytest.mark.parametrize("until", ["apex", "half"])
def test_what_follows_the_used_part_is_not_checked(finder, tmp_path, until):
    drawn = [*raw_clips.frames(), *[raw_clips.frames()[0] // 2] * 5]
    media.write_mp4(tmp_path / "clip.mp4", np.stack(drawn))
    made = clip.make([str(tmp_path / "clip.mp4")], finder, num_frames=4, until=until)
    assert made["source_frames"][-1] <= 4


@pytest.mark.parametrize(
    "ending", ["gif", "m4v", "mkv", "mpg", "vob", "webm", "wmv", "ogg", "h264", "no_such_kind"]
)
def test_whatever_ffmpeg_reads_is_a_video(finder, tmp_path, ending):
    original = tmp_path / "original.mp4"
    media.write_mp4(original, raw_clips.frames())
    file = tmp_path / f"clip.{ending}"
    if ending == "no_such_kind":
        shutil.copy(original, file)
    else:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", original, "-r", "25", file]
        subprocess.run(command, check=True, capture_output=True)
    made, whole = (clip.make([str(each)], finder, 64, 5, "time") for each in (file, original))
    assert made["source_frames"].tolist() == whole["source_frames"].tolist()
    assert np.abs(made["video"].astype(float) - whole["video"]).mean() < 6


def test_a_clip_begins_with_its_first_face(finder, files, tmp_path):
    whole = clip.make(files, finder, num_frames=5, by="time")
    raw_clips.write(tmp_path / "late", [BLANK, *raw_clips.frames()])
    late = clip.make(sorted(map(str, (tmp_path / "late").iterdir())), finder, 64, 5, "time")
    np.testing.assert_array_equal(late["video"], whole["video"])
    np.testing.assert_array_equal(late["source_frames"], whole["source_frames"] + 1)


def test_what_a_strict_set_skips_may_be_kept(finder, tmp_path):
    raw_clips.write(tmp_path, [raw_clips.frames()[0]] * 3)
    files = sorted(map(str, tmp_path.iterdir()))
    assert clip.make(files, finder, strict=False)["video"].any()


def test_grey_frames_are_accepted(finder, tmp_path):
    raw_clips.write(tmp_path, raw_clips.frames()[..., 0], "{}.png")
    made = clip.make(sorted(map(str, tmp_path.iterdir())), finder, num_frames=4)
    assert np.ptp(made["video"].astype(int), axis=-1).max() == 0


def test_large_frames_are_read_reduced_and_crop_as_whole_ones_do(finder, tmp_path, monkeypatch):
    size = 880, 660
    for number, frame in enumerate(raw_clips.frames()):
        large = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
        # Two kinds of file in one clip: one decoder can reduce, the other cannot.
        raw_clips.write(tmp_path, [large], "{:04d}" + (".jpg", ".png")[number % 2], number)
    files, read, shapes = sorted(map(str, tmp_path.iterdir())), photo.read, []

    def spy(*arguments):
        shapes.append(read(*arguments).shape[:2])
        return read(*arguments)

    monkeypatch.setattr(photo, "read", spy)
    reduced = clip.make(files, finder)
    assert set(shapes[1:]) == {(size[1] // 2, size[0] // 2)}
    monkeypatch.setattr(clip, "_FINE", np.inf)
    whole = clip.make(files, finder)
    assert set(shapes[6:]) == {size[::-1]}
    assert np.abs(reduced["landmarks"] - whole["landmarks"]).mean() < 0.4
    assert np.abs(reduced["video"].astype(int) - whole["video"]).mean() < 2
