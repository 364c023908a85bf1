import numpy as np
import pytest
import tensorflow_datasets as tfds

from fevgan_jax import EXPRESSIONS
from fevgan_jax.tfds_builders.synthetic_faces import clip, expressions, head, subject


@pytest.fixture(scope="module")
def clips():
    return {name: clip.render_subject(20_000, name) for name in EXPRESSIONS}


def test_every_clip_of_a_person_starts_from_the_same_neutral(clips):
    first = np.stack([features["video"][0] for features in clips.values()]).astype(float)
    apart = np.abs(first - first[0]).mean(axis=(1, 2, 3))
    apex = clips["surprise"]["video"][-1].astype(float)
    assert apart.max() < 0.5 * np.abs(apex - clips["surprise"]["video"][0]).mean()


def test_the_movement_only_grows_and_ends_at_the_apex():
    for start, end, suddenness in (subject.make(i).onset for i in range(5)):
        curve = expressions.onset(clip.NUM_FRAMES, start, end, suddenness)
        assert curve[0] == 0 and curve[-1] == 1
        assert (np.diff(curve) >= 0).all()


def test_every_expression_uses_units_that_the_model_has():
    units = head.load().units
    for name in EXPRESSIONS:
        assert np.abs(expressions.displacement(units, name)).max() > 0.05
    assert set(expressions.HEAD) == set(EXPRESSIONS)


def test_landmarks_move_as_the_expression_says(clips):
    def change(name, points):
        landmarks = clips[name]["landmarks"]
        relative = landmarks[:, points, 1].mean(axis=1) - landmarks[:, 27:31, 1].mean(axis=1)
        return relative[-1] - relative[0]

    brows, corners, lower_lip = range(17, 27), [48, 54], [57]
    assert change("surprise", brows) < -1 and change("surprise", lower_lip) > 3
    assert change("anger", brows) > 0.5
    assert change("happiness", corners) < -1
    assert change("sadness", corners) > 1


def test_landmarks_are_in_ibug_order(clips):
    neutral = clips["anger"]["landmarks"][0]
    assert neutral[0, 0] < neutral[36, 0] < neutral[39, 0] < neutral[42, 0] < neutral[45, 0] < neutral[16, 0]
    assert neutral[19, 1] < neutral[37, 1] < neutral[30, 1] < neutral[51, 1] < neutral[57, 1] < neutral[8, 1]
    mirrored = neutral[[16, 45, 54, 35]] * [-1, 1] + [neutral[27, 0] * 2, 0]
    np.testing.assert_allclose(neutral[[0, 36, 48, 31]], mirrored, atol=1.5)


@pytest.mark.parametrize("subject_id", [20_000, 20_003, 20_007])
def test_the_face_has_no_holes_and_lies_on_black(subject_id):
    features = clip.render_subject(subject_id, "surprise")
    inside = features["mask"][..., 0] == 255
    assert set(np.unique(features["mask"])) == {0, 255}
    dark = features["video"].max(axis=-1) < 8
    assert (dark & inside).sum() == 0
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        inside = inside | np.roll(inside, (dy, dx), axis=(1, 2))
    assert features["video"][~inside].max() == 0


def test_a_dropped_jaw_stays_in_the_image():
    for subject_id in range(8):
        landmarks = clip.render_subject(subject_id, "surprise")["landmarks"]
        assert landmarks[..., 1].max() < 64 and landmarks.min() > 0


def test_people_differ_more_than_clips_of_one_person_begin(clips):
    def neutral(subject_id, name):
        return clip.render_subject(subject_id, name)["video"][0].astype(float)

    own = np.abs(neutral(20_000, "anger") - neutral(20_000, "surprise")).mean()
    others = [np.abs(neutral(20_000, "anger") - neutral(i, "anger")).mean() for i in range(20_001, 20_006)]
    assert min(others) > 2 * own


def test_pixels_and_order_do_not_depend_on_the_processes():
    one = list(clip.render_subjects([3, 4, 5], image_size=32, num_workers=1))
    three = list(clip.render_subjects([3, 4, 5], image_size=32, num_workers=3))
    assert [c["clip"] for c in one] == [f"s{i:05d}_{name}" for i in (3, 4, 5) for name in EXPRESSIONS]
    for a, b in zip(one, three, strict=True):
        assert a["clip"] == b["clip"] and a["video"] == b["video"] and a["mask"] == b["mask"]


def test_any_size_shows_the_same_face():
    small, large = (clip.render_subject(7, "happiness", image_size=size) for size in (64, 128))
    shrunk = large["video"].reshape(32, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small["video"]).mean() < 4
    np.testing.assert_allclose(large["landmarks"], 2 * small["landmarks"], atol=1e-3)


def test_head_motion_is_a_switch():
    still, turned = (clip.render_subject(7, "anger", head_motion=m)["landmarks"] for m in (0.0, 10.0))
    np.testing.assert_allclose(still[0], turned[0], atol=1e-4)
    assert np.abs(still[-1] - turned[-1]).max() > 1


def test_the_prepared_set_holds_what_is_rendered(tiny_data):
    builder = tfds.builder("synthetic_faces/tiny", data_dir=tiny_data)
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {"train": 48, "test": 12}
    people = {
        split: {row["subject"].decode() for row in builder.as_data_source(split)} for split in ("train", "test")
    }
    assert not people["train"] & people["test"]
    row = builder.as_data_source("test")[0]
    label = builder.info.features["label"].int2str(row["label"])
    expected = clip.render_subject(int(row["subject"].decode()[1:]), label)
    np.testing.assert_array_equal(np.stack(row["video"]), expected["video"])
    np.testing.assert_array_equal(np.stack(row["mask"]), expected["mask"])
    np.testing.assert_allclose(row["landmarks"], expected["landmarks"])
