"""faces/mesh.py: from MediaPipe's points to the 68, without the package and its model."""

import hashlib
import sys

import numpy as np
import pytest

from fevgan_jax.errors import UserError
from fevgan_jax.faces import mesh, track

POINTS = 478


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
