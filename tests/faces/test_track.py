"""faces/track.py and faces/clip.py: one face through a clip, and each kind of bad clip."""

import pathlib

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


def followed(finder, frames):
    follower = track.Track(finder)
    for frame in frames:
        follower.add(frame)
    return follower.landmarks()


def inner(landmarks):
    """Without the jaw, whose ends differ between dlib and the rendered head."""
    return landmarks[:, 17:]


def test_landmarks_move_as_the_face_does(finder):
    got, true = followed(finder, raw_clips.frames()), raw_clips.landmarks()
    assert got.shape == (5, 68, 2)
    assert got.dtype == np.float32
    assert np.abs(inner(got - true).mean((0, 1))).max() < 6
    moved, truly = (each[-1, 48:60] - each[0, 48:60] for each in (got, true))
    assert np.corrcoef(moved.ravel(), truly.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("scale", [0.6, 3])
def test_landmarks_do_not_depend_on_the_size_of_the_picture(finder, scale):
    first = raw_clips.frames()[0]
    size = round(raw_clips.WIDTH * scale), round(raw_clips.HEIGHT * scale)
    large = np.asarray(Image.fromarray(first).resize(size, Image.Resampling.LANCZOS))
    got = followed(finder, [large])[0] / scale
    assert np.abs(inner((got - followed(finder, [first])[0])[None])).mean() < 1.5


def test_a_face_is_followed_to_where_it_goes(finder):
    # It ends farther from its first position than half a face.
    shifts = [0, 40, 80, 120, 160]
    wide = np.concatenate([raw_clips.frames()[0], BLANK], axis=1)
    frames = [np.roll(wide, shift, axis=1) for shift in shifts]
    got = followed(finder, frames)
    np.testing.assert_allclose((got - got[0]).mean(1)[:, 0], shifts, atol=2)


def test_a_second_face_that_comes_later_is_not_taken(finder):
    frame = raw_clips.frames()[0]
    pair = np.concatenate([frame, frame], axis=1)
    alone = np.concatenate([frame, BLANK], axis=1)
    got = followed(finder, [alone, pair])
    assert np.abs(got[1] - got[0]).max() < 3


@pytest.mark.parametrize("side", [None, 44])
@pytest.mark.parametrize(("shifts", "taken"), [((9, 3, 13), 3), ((-10, 12), -10), ((15,), 0)])
def test_of_several_faces_the_nearest_is_taken_if_it_is_near(side, shifts, taken):
    face = np.linspace(-20, 20, 68, dtype=np.float32)[:, None].repeat(2, axis=1)

    class Crowd:
        WINDOW = side

        def find(self, picture):
            return [face + 100]

        def find_close(self, window):
            assert window.shape == (side or 88, side or 88, 3)
            return [(face + 44 + shift) * len(window) / 88 for shift in shifts]

    (got,) = followed(Crowd(), [np.zeros((200, 200, 3), np.uint8)])
    np.testing.assert_allclose(got.mean(0), 100 + taken, atol=1e-3)


@pytest.mark.parametrize("lost", [1, track.MAX_LOST])
def test_a_few_lost_frames_are_interpolated(finder, lost):
    frames = raw_clips.frames()
    got = followed(finder, [frames[0], *[BLANK] * lost, frames[-1]])
    ends = got[[0, -1]]
    np.testing.assert_allclose(got[1], ends[0] + (ends[1] - ends[0]) / (lost + 1), atol=1e-3)
    got = followed(finder, [frames[0], BLANK])
    np.testing.assert_array_equal(got[1], got[0])


def test_more_lost_frames_are_too_many(finder):
    frames = [raw_clips.frames()[0], *[BLANK] * (track.MAX_LOST + 1)]
    with pytest.raises(track.LostError, match="lost from frame 1 on"):
        followed(finder, frames)


def test_the_first_face_is_the_only_one_and_comes_soon(finder):
    late = [BLANK] * (track.MAX_LOST + 1) + list(raw_clips.frames())
    with pytest.raises(track.LostError, match="no face was found in its first 6 frames"):
        followed(finder, late)
    pair = np.concatenate([raw_clips.frames()[0]] * 2, axis=1)
    with pytest.raises(track.LostError, match="2 faces"):
        followed(finder, [pair])


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
    transform = crop.align(followed(finder, shifted[:1])[0], 64)
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
        case "broken video":
            files = [str(tmp_path / "clip.mp4")]
            pathlib.Path(files[0]).write_text("no video")
    with pytest.raises(UserError, match=reason):
        clip.make(files, finder)


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
