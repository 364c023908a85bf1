"""Faces of a photo: any rotation, one of several by choice, and photos that are dark or light."""

import logging
import math

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from fevgan_jax import faces
from fevgan_jax.faces import crop, detect, find, photo
from fevgan_jax.runtime.errors import UserError


@pytest.fixture(scope="module")
def astronaut():
    return skimage.data.astronaut()[:300, 80:380]


@pytest.fixture(scope="module")
def landmarks(astronaut):
    (face,) = find.faces(astronaut)
    return face.landmarks


def turned(image, degrees):
    """The picture rotated clockwise about its middle, on a larger canvas, and the transform."""
    height, width = image.shape[:2]
    side = math.ceil(math.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    matrix[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
    at_centres = matrix.copy()
    at_centres[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(image, at_centres, (side, side)), matrix


@pytest.mark.parametrize("degrees", [0, 20, 35, -36, 38, 45, -60, 90, 180, 270])
def test_a_face_is_found_whichever_way_is_up(astronaut, landmarks, degrees):
    image, matrix = turned(astronaut, degrees)
    (face,) = find.faces(image)
    there = crop.move(landmarks, matrix)
    to_crop = crop.align(there, 64)
    off = np.abs(crop.move(face.landmarks, to_crop) - crop.move(there, to_crop)).mean()
    assert off < 1.0, "pixels of a 64 px crop"


@pytest.fixture(scope="module")
def pair(astronaut):
    """A large face at the left and a smaller one at the right."""
    small = cv2.resize(astronaut, (200, 200), interpolation=cv2.INTER_AREA)
    return np.hstack([astronaut, np.pad(small, ((50, 50), (0, 0), (0, 0)))])


def test_faces_are_counted_from_left_to_right(pair):
    left, right = find.faces(pair)
    assert left.centre[0] < 300 < right.centre[0]
    assert left.width > 1.3 * right.width
    there = [left, right]
    assert find.choose(there, "largest", "p") == [left]
    assert find.choose(there, "all", "p") == there
    assert find.choose(there, "2", "p") == [right]


def test_which_faces_there_are_is_said(pair, caplog):
    there = find.faces(pair)
    with caplog.at_level(logging.INFO, "absl"):
        find.choose(there, "largest", "us.jpg")
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("us.jpg shows 2 faces: 1 (")
    assert "--face=largest is taken" in said


@pytest.mark.parametrize("which", ["0", "3", "left", "-1", "1.5", "²", "9" * 5000])
def test_a_face_that_is_not_there_is_named_with_those_that_are(pair, which):
    with pytest.raises(UserError, match=rf"us\.jpg has no face '{which}'.*1 \(.*2 \("):
        find.choose(find.faces(pair), which, "us.jpg")


@pytest.mark.parametrize(("level", "word"), [(3, "black"), (252, "white")])
def test_a_photo_that_is_all_dark_or_light_is_refused(astronaut, tmp_path, level, word):
    faint = np.clip(level + astronaut.astype(int) // 40 - 3, 0, 255).astype(np.uint8)
    Image.fromarray(faint).save(tmp_path / "faint.png")
    with pytest.raises(UserError, match=rf"faint\.png is nearly {word} all over"):
        faces.prepare_photo(tmp_path / "faint.png")
    Image.fromarray(faint[:64, :64]).save(tmp_path / "faint.png")
    with pytest.raises(UserError, match=rf"faint\.png is nearly {word} all over"):
        faces.prepare_photo(tmp_path / "faint.png")  # as large as a finished crop


def test_a_phones_photo_is_read(astronaut, tmp_path):
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(astronaut)).save(tmp_path / "phone.heic", quality=95)
    # As in a process that has not read such a file before.
    Image.OPEN.pop("HEIF", None)
    got = photo.read(tmp_path / "phone.heic")
    assert got.shape == astronaut.shape
    assert np.abs(got.astype(float) - astronaut).mean() < 4


def test_a_view_of_a_larger_picture_is_searched_as_its_copy_is(astronaut):
    assert not astronaut.flags["C_CONTIGUOUS"]
    face, *_ = detect.scored(astronaut)
    assert face.score == detect.scored(astronaut.copy())[0].score
