"""A photo's pixels, moved in place: still where nothing moves, exact where the photo is kept."""

import dataclasses

import cv2
import numpy as np
import pytest

from fevgan_jax.animation import light, moving
from fevgan_jax.animation.model import Frame
from fevgan_jax.faces import crop

SIDE = 64


def frame(flow=(0.0, 0.0), paint=0.0):
    """One flow everywhere, and green paint on one place of the chin."""
    painted = np.zeros((SIDE, SIDE), np.float32)
    painted[48:52, 28:36] = paint
    colour = np.broadcast_to(np.float32([-1, 1, -1]), (SIDE, SIDE, 3))
    everywhere = np.broadcast_to(np.float32(flow), (SIDE, SIDE, 2))
    no_teeth = np.broadcast_to(np.float32([0, -1, -1]), (SIDE, SIDE, 3))
    return Frame(everywhere.copy(), painted, colour.copy(), gate=1.0, teeth=no_teeth.copy())


def drawn(stage, frame):
    picture = stage.picture.copy()
    moving.draw(stage, frame, picture)
    return picture


@pytest.mark.parametrize("width", [130, 512, 777])
def test_no_movement_is_the_photo_to_the_bit(face, width):
    picture, landmarks = face
    scale = width / picture.shape[1]
    picture = cv2.resize(picture, (width, width), interpolation=cv2.INTER_AREA)
    stage = moving.on_photo(picture, landmarks * scale, SIDE)
    np.testing.assert_array_equal(drawn(stage, frame()), picture)
    stage = moving.on_crop(picture, landmarks * scale, SIDE, 256)
    np.testing.assert_array_equal(drawn(stage, frame()), stage.picture)


@pytest.mark.parametrize("edge", [range(36, 42), range(42, 48), range(60, 68)])
def test_eyes_and_teeth_that_the_photo_shows_are_not_painted(face, edge):
    picture, landmarks = face
    column, row = crop.move(landmarks[list(edge)], crop.align(landmarks, SIDE)).mean(0)
    all_over = frame()._replace(paint=np.ones((SIDE, SIDE), np.float32))
    for stage in (
        moving.on_photo(picture, landmarks, SIDE),
        moving.on_crop(picture, landmarks, SIDE, 128),
    ):
        at = int(row), int(column)
        assert stage.paint(all_over)[at] < 0.3
        assert stage.paint(all_over)[int(row) - 5, int(column)] == 1, "skin"
        # A tenth of the height, taken from the same place: they would be stretched.
        rows = np.arange(SIDE, dtype=np.float32)[:, None] / SIDE
        flow = np.zeros((SIDE, SIDE, 2), np.float32)
        flow[..., 1] = 0.9 * (row / SIDE - rows)
        assert stage.paint(all_over._replace(flow=flow))[at] == 1


def test_beyond_the_faded_region_every_pixel_is_the_photos(face):
    picture, landmarks = face
    stage = moving.on_photo(picture, landmarks, SIDE)
    moved = drawn(stage, frame((0.2, 0.1), paint=1.0))
    changed = (moved != picture).any(-1)
    to_crop = crop.align(landmarks, SIDE)
    rows, columns = np.indices(changed.shape)
    at = crop.move(np.stack([columns, rows], -1) + 0.5, to_crop)
    oval = crop.oval(crop.move(landmarks, to_crop)).astype(np.float32)
    far = [cv2.pointPolygonTest(oval, tuple(map(float, point)), True) for point in at[changed]]
    assert changed.sum() > 5_000
    # The fade ends at 0.16 of the side; a pixel more is the fields' own size.
    assert min(far) > -(0.16 * SIDE + 1.5)


@pytest.mark.parametrize("factor", [1, 4])
def test_the_movement_fades_without_a_seam(face, factor):
    picture, landmarks = face
    picture = cv2.resize(picture, None, fx=factor, fy=factor)
    stage = moving.on_photo(picture, landmarks * factor, SIDE)
    by = stage.movement(frame((0.04, 0.05)).flow)
    pixel = crop.shrink(stage.to_crop)  # one of the crop's, in the photo's
    most = 0.05 * SIDE * pixel
    assert np.abs(by).max() > 0.95 * most
    # From all of it to none over 0.14 of the side; the ramp is steepest in its middle, 1.5 times
    # its mean, and distances of whole pixels are uneven.
    steepest = 2.5 * most / (0.14 * SIDE * pixel)
    for axis in (0, 1):
        assert np.abs(np.diff(by, axis=axis)).max() < steepest, axis
    for edge in (by[0], by[-1], by[:, 0], by[:, -1]):
        assert np.abs(edge).max() < 0.1


def test_paint_ends_without_a_seam(face):
    white = np.full((512, 512, 3), 255, np.uint8)
    stage = moving.on_photo(white, face[1], SIDE)
    black = np.full((SIDE, SIDE, 3), -1, np.float32)
    all_over = frame()._replace(paint=np.ones((SIDE, SIDE), np.float32), colour=black)
    stage = dataclasses.replace(stage, openings=np.zeros_like(stage.openings))
    painted = drawn(stage, all_over).astype(int)
    assert painted.min() == 0, "it is seen"
    steps = [np.abs(np.diff(painted, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 80, "a hard edge gives 255"


def test_the_flow_points_to_where_a_pixel_comes_from(face):
    picture, landmarks = face
    stage = moving.on_photo(picture, landmarks, SIDE)
    by = np.array([0.03, -0.02])
    moved = drawn(stage, frame(by))
    column, row = np.round(landmarks[33]).astype(int)
    shift = np.linalg.inv(stage.to_crop[:, :2]) @ (by * SIDE)
    expected = cv2.getRectSubPix(picture, (21, 21), (column + shift[0], row + shift[1]))
    got = moved[row - 10 : row + 11, column - 10 : column + 11]
    assert np.abs(got.astype(int) - expected).mean() < 2
    assert (
        np.abs(got.astype(int) - picture[row - 10 : row + 11, column - 10 : column + 11]).mean() > 4
    )


def test_paint_lies_where_the_mask_says(face):
    picture, landmarks = face
    stage = moving.on_crop(picture, landmarks, SIDE, 128)
    got = drawn(stage, frame(paint=1.0))
    paint = np.rint(light.lit(np.float32([-1, 1, -1]), stage.white))
    np.testing.assert_allclose(got[98:102, 60:68], np.broadcast_to(paint, (4, 8, 3)), atol=1)
    assert paint.argmax() == 1, "green"
    np.testing.assert_array_equal(got[:90], stage.picture[:90])


def test_faint_paint_is_left_out_and_movement_allows_the_rest(face):
    picture, landmarks = face
    stage = moving.on_crop(picture, landmarks, SIDE, 128)
    np.testing.assert_array_equal(drawn(stage, frame(paint=0.2)), stage.picture)
    full = drawn(stage, frame(paint=0.8))
    chin = slice(98, 102), slice(60, 68)
    np.testing.assert_array_equal(full[chin], drawn(stage, frame(paint=1.0))[chin])
    np.testing.assert_array_equal(drawn(stage, frame(paint=1.0)._replace(gate=0.0)), stage.picture)


def test_little_movement_opens_a_narrow_mouth_not_a_transparent_one(face):
    picture, landmarks = face
    stage = moving.on_crop(picture, landmarks, SIDE, 128)
    hill = frame()
    hill.paint[48:56] = 1.3 - np.abs(np.arange(SIDE) - 32) / 12
    hill = hill._replace(paint=hill.paint.clip(0, 1))
    widths, solid = [], drawn(stage, hill)[104, 64]
    for gate in (1.0, 0.8, 0.5):
        row = drawn(stage, hill._replace(gate=gate))[104].astype(int)
        widths.append((row != stage.picture[104]).any(-1).sum())
        assert np.abs(row[64] - solid).max() < 40, gate
    assert widths[0] > 1.1 * widths[1] > 1.1**2 * widths[2] > 0


def test_a_narrow_mouth_has_no_notch(face):
    picture, landmarks = face
    stage = moving.on_crop(picture, landmarks, SIDE, 128)
    ragged = frame(paint=1.0)
    ragged.paint[:, 31] = 0
    whole, notched = (
        drawn(stage, each)[100, 60:68].astype(int) for each in (frame(paint=1.0), ragged)
    )
    assert np.abs(whole - notched).max() < 30
    assert np.abs(whole - stage.picture[100, 60:68]).max() > 60


def test_a_fold_of_the_flow_shows_no_second_row_of_teeth(face):
    picture, landmarks = face
    stage = moving.on_photo(picture, landmarks, SIDE)
    column, row = crop.move(landmarks[60:68], stage.to_crop).mean(0)
    all_over = frame()._replace(paint=np.ones((SIDE, SIDE), np.float32))
    at = int(row), int(column)
    assert stage.paint(all_over)[at] < 0.3
    rows = np.arange(SIDE, dtype=np.float32)[:, None] / SIDE
    flow = np.zeros((SIDE, SIDE, 2), np.float32)
    flow[..., 1] = 2 * (row / SIDE - rows)  # upside down, at full size
    assert stage.paint(all_over._replace(flow=flow))[at] == 1


def test_between_closed_lips_are_no_teeth(face):
    picture, landmarks = face
    closed = landmarks.copy()
    closed[[67, 66, 65]] = landmarks[[61, 62, 63]] + [0, 0.3]
    all_over = frame()._replace(paint=np.ones((SIDE, SIDE), np.float32))
    stage = moving.on_photo(picture, closed, SIDE)
    column, row = crop.move(closed[60:68], crop.align(closed, SIDE)).mean(0).astype(int)
    assert stage.paint(all_over)[row - 1 : row + 2, column].min() == 1


def test_a_face_at_the_photos_edge(face):
    picture, landmarks = face
    column, row = landmarks.mean(0).astype(int)
    cut = np.ascontiguousarray(picture[row - 10 :, column - 5 :])
    stage = moving.on_photo(cut, landmarks - [column - 5, row - 10], SIDE)
    moved = drawn(stage, frame((0.03, 0.03), paint=0.5))
    assert moved.shape == cut.shape
    assert (moved != cut).any()
