"""faces/mesh.py: from MediaPipe's points to the 68, without the package and its model."""

import hashlib
import importlib
import sys
import types

import numpy as np
import pytest

from fevgan_jax.errors import UserError
from fevgan_jax.faces import mesh, track

POINTS = 478


# MediaPipe's contours (`FaceLandmarksConnections`), each followed in iBUG's direction.
CONTOURS = {
    range(17): "127 234 93 132 58 172 136 150 149 176 148 152 377 400 378 379 365 397 288 361 323 "
    "454 356",
    range(17, 22): "70 63 105 66 107",
    range(22, 27): "336 296 334 293 300",
    range(36, 42): "33 246 161 160 159 158 157 173 133 155 154 153 145 144 163 7",
    range(42, 48): "362 398 384 385 386 387 388 466 263 249 390 373 374 380 381 382",
    range(48, 60): "61 185 40 39 37 0 267 269 270 409 291 375 321 405 314 17 84 181 91 146",
    range(60, 68): "78 191 80 81 82 13 312 311 310 415 308 324 318 402 317 14 87 178 88 95",
}


@pytest.fixture
def finder(monkeypatch):
    """A landmarker that finds two faces; point n of face k is at (n / 478, k / 2)."""
    seen = []

    def open_fake(self, sure):
        def measure(picture):
            seen.append((sure, picture.shape))
            shares = np.arange(POINTS) / POINTS
            return np.stack([np.stack([shares, np.full(POINTS, k / 2)], -1) for k in range(2)])

        return measure

    monkeypatch.setattr(mesh.Finder, "_open", open_fake)
    made = track.finder("mediapipe")
    made.seen = seen
    return made


def test_landmarks_are_points_of_the_mesh_in_pixels(finder):
    first, second = finder.find(np.zeros((100, POINTS, 3), np.uint8))
    assert first.shape == (68, 2)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first[:, 0], mesh.IBUG, atol=1e-3)
    assert (first[:, 1] == 0).all()
    assert (second[:, 1] == 50).all()


@pytest.mark.parametrize("places", CONTOURS)
def test_landmarks_follow_the_contours(places):
    contour = [int(point) for point in CONTOURS[places].split()]
    steps = [contour.index(mesh.IBUG[place]) for place in places]
    assert steps == sorted({*steps})


def test_the_places_that_crops_are_made_from():
    # MediaPipe's names of them: the corners of the eyes, the tip of the nose, the corners of the
    # mouth, the chin, and the temples at the ends of the outline.
    known = {36: 33, 39: 133, 42: 362, 45: 263, 30: 4, 48: 61, 54: 291, 60: 78, 64: 308}
    known |= {8: 152, 0: 127, 16: 356, 33: 2}
    assert {place: mesh.IBUG[place] for place in known} == known
    assert len(mesh.IBUG) == 68 == len({*mesh.IBUG})


def test_a_face_that_is_known_to_be_there_needs_less_proof(finder):
    picture = np.zeros((8, 8, 3), np.uint8)
    finder.find(picture)
    finder.find_close(picture)
    (far, _), (close, _) = finder.seen
    assert close < far


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(UserError, match=r"pip install \"fevgan_jax\[mediapipe\]\""):
        track.finder("mediapipe")


def test_tensorflow_is_hidden_only_while_mediapipe_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with mesh._without_tensorflow(), pytest.raises(ModuleNotFoundError):
        importlib.import_module("tensorflow")
    assert "tensorflow" not in sys.modules
    there = types.ModuleType("tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", there)
    with mesh._without_tensorflow():
        assert importlib.import_module("tensorflow") is there
    assert sys.modules["tensorflow"] is there


def test_the_model_is_looked_for_in_the_weights_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FEVGAN_WEIGHTS", str(tmp_path))
    path = tmp_path / mesh.MODEL
    with pytest.raises(UserError, match=rf"is not at {path}: get it with `curl .* -o {path} https"):
        mesh.model_file()
    path.write_bytes(b"another")
    with pytest.raises(UserError, match=f"{path} is not the model"):
        mesh.model_file()
    monkeypatch.setattr(mesh, "_SHA256", hashlib.sha256(b"another").hexdigest())
    assert mesh.model_file() == str(path)
