import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from fevgan_jax import EXPRESSIONS
from fevgan_jax.data import prepared
from fevgan_jax.tfds_builders.synthetic_faces import (
    clip,
    expressions,
    head,
    parallel,
    sheet,
    subject,
    synthetic_faces_dataset_builder,
)

BUILDER = pathlib.Path(synthetic_faces_dataset_builder.__file__).parent


@pytest.fixture(scope="module")
def clips():
    return {name: clip.render_subject(20_000, name) for name in EXPRESSIONS}


def _apart(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


def test_every_clip_of_a_person_starts_from_the_same_neutral(clips):
    first = [features["video"][0] for features in clips.values()]
    moved = _apart(clips["surprise"]["video"][-1], clips["surprise"]["video"][0])
    assert max(_apart(each, first[0]) for each in first) < 0.5 * moved


def test_the_movement_only_grows_and_ends_at_the_apex():
    for start, end, suddenness in (subject.make(i).onset for i in range(5)):
        curve = expressions.onset(clip.NUM_FRAMES, start, end, suddenness)
        assert curve[0] == 0
        assert curve[-1] == 1
        assert (np.diff(curve) >= 0).all()


def test_every_expression_uses_units_that_the_model_has():
    model = head.load()
    for name in EXPRESSIONS:
        amounts = expressions.preset(model.unit_names, name)
        assert np.abs(head.displacement(model, amounts)).max() > 0.05
    assert set(expressions.HEAD) == set(EXPRESSIONS)


def test_landmarks_move_as_the_expression_says(clips):
    def change(name, points):
        landmarks = clips[name]["landmarks"]
        relative = landmarks[:, points, 1].mean(axis=1) - landmarks[:, 27:31, 1].mean(axis=1)
        return relative[-1] - relative[0]

    brows, corners, lower_lip = range(17, 27), [48, 54], [57]
    assert change("surprise", brows) < -1
    assert change("surprise", lower_lip) > 3
    assert change("anger", brows) > 0.5
    assert change("happiness", corners) < -1
    assert change("sadness", corners) > 1


def test_landmarks_are_in_ibug_order(clips):
    neutral = clips["anger"]["landmarks"][0]
    assert (np.diff(neutral[[0, 36, 39, 42, 45, 16], 0]) > 0).all()
    assert (np.diff(neutral[[19, 37, 30, 51, 57, 8], 1]) > 0).all()
    mirror = [
        *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
        *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
    ]  # fmt: skip
    mirrored = neutral[mirror] * [-1, 1] + [neutral[27, 0] * 2, 0]
    np.testing.assert_allclose(neutral, mirrored, atol=1.5)


@pytest.mark.parametrize("subject_id", [20_000, 20_003, 20_007])
def test_the_face_has_no_holes_and_lies_on_black(subject_id):
    features = clip.render_subject(subject_id, "surprise")
    inside = features["mask"][..., 0] == 255
    assert set(np.unique(features["mask"])) == {0, 255}
    assert 0.3 < inside.mean() < 0.7
    dark = features["video"].max(axis=-1) < 3
    assert (dark & inside).sum() == 0
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        inside = inside | np.roll(inside, (dy, dx), axis=(1, 2))
    assert features["video"][~inside].max() == 0


def test_a_dropped_jaw_stays_in_the_image():
    for subject_id in range(8):
        landmarks = clip.render_subject(subject_id, "surprise")["landmarks"]
        assert landmarks.min() > 0
        assert landmarks.max() < 64


def test_people_differ_more_than_clips_of_one_person_begin(clips):
    own = _apart(clips["anger"]["video"][0], clips["surprise"]["video"][0])
    others = [clip.render_subject(i, "anger")["video"][0] for i in range(20_001, 20_006)]
    assert min(_apart(clips["anger"]["video"][0], other) for other in others) > 2 * own


def test_any_size_shows_the_same_face():
    small, large = (clip.render_subject(7, "happiness", image_size=size) for size in (64, 128))
    shrunk = large["video"].reshape(32, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert _apart(shrunk, small["video"]) < 1.3
    np.testing.assert_allclose(large["landmarks"], 2 * small["landmarks"], atol=1e-3)


def test_head_motion_is_a_switch():
    still, turned = (
        clip.render_subject(7, "anger", head_motion=degrees)["landmarks"] for degrees in (0.0, 10.0)
    )
    np.testing.assert_allclose(still[0], turned[0], atol=1e-4)
    assert np.abs(still[-1] - turned[-1]).max() > 1


def test_the_picture_in_the_readme_is_what_is_rendered():
    documented = cv2.imread(str(BUILDER / "faces.png"))[:64, :, ::-1]
    rendered = sheet.sheet([10_000], image_size=64)
    # Another processor may round a value the other way.
    assert (np.abs(documented.astype(int) - rendered) > 1).mean() < 1e-4


def test_pixels_and_order_do_not_depend_on_the_processes():
    work = functools.partial(clip.of_subject, image_size=32)
    one, two = (list(parallel.Renderers(workers).render(work, [3, 4, 5])) for workers in (1, 2))
    assert [each["clip"] for each in one] == [
        f"s{i:05d}_{name}" for i in (3, 4, 5) for name in EXPRESSIONS
    ]
    for a, b in zip(one, two, strict=True):
        assert a["clip"] == b["clip"]
        assert a["video"] == b["video"]
        assert a["mask"] == b["mask"]


def test_processes_do_not_import_the_program_and_end_when_it_is_killed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import os, signal
            print("imported", flush=True)
            from fevgan_jax.tfds_builders.synthetic_faces import clip, parallel

            next(parallel.Renderers(1).render(clip.of_subject, [3]))
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    # `run` waits until nobody holds the pipe, so a process that outlives the program is a timeout.
    done = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "imported\n"


def test_configs_share_nobody():
    people = [
        range(config.first_subject, config.first_subject + config.num_subjects)
        for config in synthetic_faces_dataset_builder.Builder.BUILDER_CONFIGS
    ]
    assert len(set().union(*people)) == sum(map(len, people))


def test_a_set_of_ones_own_is_a_config(tmp_path):
    config = synthetic_faces_dataset_builder.SyntheticFacesConfig(
        name="restless", num_subjects=2, image_size=16, head_motion=5.0, frames=(0, 20, 31)
    )
    builder = synthetic_faces_dataset_builder.Builder(data_dir=tmp_path, config=config)
    builder.download_and_prepare(file_format="array_record")
    source = prepared.open_source(tmp_path, "synthetic_faces/restless", "test")
    assert len(source) == 6
    row = source[0]
    expected = clip.render_subject(int(row["subject"][1:]), EXPRESSIONS[row["label"]], 16, 5.0)
    for name in ("video", "mask", "landmarks", "source_frames"):
        np.testing.assert_array_equal(row[name], expected[name][[0, 20, 31]])


def test_an_older_version_is_read_but_not_rendered(tiny_data, tmp_path):
    own = synthetic_faces_dataset_builder.Builder
    now = pathlib.Path(own(data_dir=tiny_data, config="tiny").data_dir)
    old = tmp_path / "synthetic_faces" / "tiny" / "1.0.0"
    shutil.copytree(now, old)
    info = json.loads((old / "dataset_info.json").read_text())
    (old / "dataset_info.json").write_text(json.dumps(info | {"version": "1.0.0"}))
    assert len(prepared.open_source(tmp_path, "synthetic_faces/tiny", "test")) == 12
    assert len(own(data_dir=tmp_path, config="tiny", version="1.0.0").as_data_source("test")) == 12
    with pytest.raises(ValueError, match="cannot be generated"):
        own(data_dir=tmp_path / "new", config="tiny", version="1.0.0").download_and_prepare()


def test_the_head_motion_of_the_expression_is_a_switch():
    def moved(expression_head, points):
        landmarks = clip.render_subject(7, "sadness", 64, 0.0, expression_head)["landmarks"]
        return np.abs(landmarks[-1, points] - landmarks[0, points]).max()

    ears, mouth = [0, 16], [48, 54]
    assert moved(0.0, ears) < 0.3
    assert moved(1.0, ears) > 1
    assert moved(0.0, mouth) > 1


def test_variants_have_their_sizes_and_frames():
    def video(config):
        features = synthetic_faces_dataset_builder.Builder(data_dir=os.devnull, config=config)
        return features.info.features["video"].shape

    assert video("standard") == (32, 64, 64, 3)
    assert video("crowd") == (2, 64, 64, 3)
    assert video("size128") == (32, 128, 128, 3)
    assert video("size256") == (9, 256, 256, 3)
    large = synthetic_faces_dataset_builder.Builder(data_dir=os.devnull, config="pairs128")
    assert large.info.features["flow"].shape == (128, 128, 2)
    assert large.num_clips() == {"train": 21_120, "test": 880}


def test_the_prepared_set_holds_what_is_rendered(tiny_data):
    builder = tfds.builder("synthetic_faces/tiny", data_dir=tiny_data)
    sizes = {name: split.num_examples for name, split in builder.info.splits.items()}
    assert sizes == {"train": 48, "test": 12}
    own = synthetic_faces_dataset_builder.Builder(data_dir=os.devnull, config="tiny")
    assert own.num_clips() == sizes
    people = {
        split: {row["subject"].decode() for row in builder.as_data_source(split)}
        for split in ("train", "test")
    }
    assert not people["train"] & people["test"]
    row = builder.as_data_source("test")[0]
    label = builder.info.features["label"].int2str(row["label"])
    expected = clip.render_subject(int(row["subject"].decode()[1:]), label)
    assert row["clip"].decode() == expected["clip"]
    np.testing.assert_array_equal(np.stack(row["video"]), expected["video"])
    np.testing.assert_array_equal(np.stack(row["mask"]), expected["mask"])
    np.testing.assert_allclose(row["landmarks"], expected["landmarks"])


def test_tfds_finds_description_citation_and_tags():
    found = synthetic_faces_dataset_builder.Builder.get_metadata()
    assert "rendered" in found.description
    assert "anny" in found.citation
    assert "content.data-type.video" in found.tags
