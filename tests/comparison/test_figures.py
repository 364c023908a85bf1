import io

import numpy as np
from PIL import Image

from fevgan_jax.comparison import figures
from tests.comparison.evaluated import row_of


def test_failures_are_the_clips_farthest_from_the_best_value_of_each_metric(tmp_path):
    values = [3.0, 1.0, float("nan"), 2.0]
    row = row_of(tmp_path, "a", values, metrics=("psnr_face", "ssim", "acd_i"))
    worst = figures.failures(row)
    assert [(metric, value, clip.name) for metric, value, clip in worst] == [
        ("psnr_face", 1.0, "c1"),
        ("psnr_face", 2.0, "c3"),
        ("acd_i", 3.0, "c0"),
        ("acd_i", 2.0, "c3"),
    ]


def test_failures_are_picked_by_another_metric_where_one_was_not_measured(tmp_path):
    row = row_of(tmp_path, "a", [0.5, 0.2, 0.9], metrics=("psnr", "ssim"))
    picked = [(metric, clip.name) for metric, _, clip in figures.failures(row)]
    assert picked == [("ssim", "c1"), ("ssim", "c0")]


def test_a_clip_without_a_value_is_no_failure(tmp_path):
    row = row_of(tmp_path, "a", [float("nan"), 4.0, float("nan")], metrics=("ssim",))
    assert [clip.name for *_, clip in figures.failures(row)] == ["c1"]


def test_pictures_are_of_the_version_that_was_evaluated(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "open_evaluated", lambda _, *asked: asked)
    assert figures._open(row_of(tmp_path, "a", [1.0]), None) == ("test", "1.0.0")


def test_a_long_title_stands_beside_its_pictures_in_several_lines():
    black = np.zeros((64, 64, 3), np.uint8)
    clip = figures.Clip("s", "c", "fear")

    def tag(title):
        system = figures.Shown(title, {"c": black[None]}, {"c": black[None]}, 1.0)
        figure = figures.apexes("f", "F", [system], [clip])
        return np.asarray(Image.open(io.BytesIO(figure.data)))[-64:].max((1, 2)) > 128

    assert tag("a" * 60).sum() > 2 * tag("a").sum()
    assert np.array_equal(tag("a" * 22), tag("a"))


def moving_square(frames):
    """A video that changes in every frame, which WebP would merge otherwise."""
    video = np.zeros((frames, 64, 64, 3), np.uint8)
    for frame, picture in enumerate(video):
        picture[:32, 2 * frame * 16 // frames :][:, :16] = 255
    return video


def test_every_system_is_shown_with_as_many_frames(tmp_path):
    videos = {frames: moving_square(frames) for frames in (16, 32)}
    systems = [
        figures.Shown(str(frames), {"c": videos[32]}, {"c": video}, 1.0)
        for frames, video in videos.items()
    ]
    clips = [figures.Clip("s", "c", "fear")]
    still, moving = (
        make(file, "F", systems, clips)
        for file, make in (("f", figures.apexes), ("f_moving", figures.moving))
    )
    assert (still.file, moving.file) == ("f.webp", "f_moving.webp")
    assert still.data[8:12] == moving.data[8:12] == b"WEBP"
    shown = [Image.open(io.BytesIO(each.data)) for each in (still, moving)]
    assert [getattr(each, "n_frames", 1) for each in shown] == [1, 16]
