"""faces/mesh.py: from MediaPipe's points to the 68, without the package and its model."""

import hashlib
import importlib.machinery
import io
import sys
import types
import typing
import zipfile

import numpy as np
import pytest

from fevgan_jax.faces import mesh, track
from fevgan_jax.runtime.errors import UserError

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


class Landmarker:
    """Replaces MediaPipe's; point n of a face is at (n / 478, the face's entry of `places`).

    Attributes:
      seen: the arguments of all calls: mode, threshold, picture, time in ms.
    """

    seen: typing.ClassVar[list] = []
    places: typing.ClassVar[dict] = {"image": (0.5, 1.0), "video": (0.5, 1.0)}

    def __init__(self, options):
        self._options = options

    @classmethod
    def create_from_options(cls, options):
        return cls(options)

    def detect(self, picture):
        return self.detect_for_video(picture, None)

    def detect_for_video(self, picture, time):
        how = self._options
        self.seen.append((how.running_mode, how.min_face_detection_confidence, picture, time))
        faces = [
            [types.SimpleNamespace(x=n / POINTS, y=place) for n in range(POINTS)]
            for place in self.places[how.running_mode][: how.num_faces]
        ]
        return types.SimpleNamespace(face_landmarks=faces)

    def close(self):
        pass


@pytest.fixture
def finder(monkeypatch, tmp_path):
    def options(base, **settings):
        with zipfile.ZipFile(io.BytesIO(base)) as model:
            assert {name: model.read(name) for name in model.namelist()} == {"detector": b"sees"}
        return types.SimpleNamespace(base=base, **settings)

    package = types.ModuleType("mediapipe")
    package.__spec__ = importlib.machinery.ModuleSpec("mediapipe", None)
    package.ImageFormat = types.SimpleNamespace(SRGB="rgb")
    package.Image = lambda kind, picture: picture
    python = types.ModuleType("mediapipe.tasks.python")
    python.BaseOptions = lambda model_asset_buffer: model_asset_buffer
    python.vision = types.SimpleNamespace(
        FaceLandmarkerOptions=options,
        FaceLandmarker=Landmarker,
        RunningMode={"IMAGE": "image", "VIDEO": "video"},
    )
    for module in (package, types.ModuleType("mediapipe.tasks"), python):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with zipfile.ZipFile(tmp_path / "model", "w") as model:
        model.writestr("detector", b"sees")
        model.writestr("face_blendshapes.tflite", b"not used")
    monkeypatch.setattr(mesh, "model_file", lambda: tmp_path / "model")
    monkeypatch.setattr(Landmarker, "seen", [])
    return track.finder("mediapipe")


def test_landmarks_are_points_of_the_mesh_in_pixels(finder):
    first, second = finder.find(np.zeros((100, POINTS, 3), np.uint8))
    assert first.shape == (68, 2)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first[:, 0], mesh.IBUG, atol=1e-3)
    assert (first[:, 1] == 50).all()
    assert (second[:, 1] == 100).all()


@pytest.mark.parametrize("places", CONTOURS)
def test_landmarks_follow_the_contours(places):
    contour = [int(point) for point in CONTOURS[places].split()]
    steps = [contour.index(mesh.IBUG[place]) for place in places]
    assert steps == sorted({*steps})


def test_the_places_that_crops_are_made_from():
    # By MediaPipe's names: corners of the eyes, tip of the nose, corners of the mouth, chin, and
    # the temples at the ends of the outline.
    known = {36: 33, 39: 133, 42: 362, 45: 263, 30: 4, 48: 61, 54: 291, 60: 78, 64: 308}
    known |= {8: 152, 0: 127, 16: 356, 33: 2}
    assert {place: mesh.IBUG[place] for place in known} == known
    assert len(mesh.IBUG) == 68 == len({*mesh.IBUG})


def test_a_face_that_is_known_to_be_there_has_a_lower_threshold(finder):
    picture = np.zeros((8, 8, 3), np.uint8)
    finder.find(picture)
    (far_mode, far, _, _) = Landmarker.seen[-1]
    assert len(finder.find_close(picture)) == 1
    (close_mode, close, _, _) = Landmarker.seen[-1]
    assert close < far
    assert (far_mode, close_mode) == ("image", "video")


def test_a_clips_first_window_is_measured_until_the_landmarks_converge(finder):
    window = np.ones((8, 8, 3), np.uint8)
    finder.find(window)
    for looks in (3, 1, 1):
        Landmarker.seen.clear()
        finder.find_close(window)
        assert [picture.sum() for *_, picture, _ in Landmarker.seen] == looks * [192]


def test_the_next_clip_drops_the_face_of_the_last(finder):
    window = np.ones((8, 8, 3), np.uint8)
    finder.find(window)
    finder.find_close(window)
    Landmarker.seen.clear()
    finder.find(window)
    assert [mode for mode, *_ in Landmarker.seen] == ["video", "image"]
    assert not Landmarker.seen[0][2].any()
    finder.find(window)
    assert [mode for mode, *_ in Landmarker.seen] == ["video", "image", "image"]
    finder.find_close(window)
    assert [mode for mode, *_ in Landmarker.seen[3:]] == 3 * ["video"]


@pytest.mark.parametrize("places", [(), (0.1,)])
def test_without_the_followed_face_all_are_found_and_the_next_window_starts_again(
    finder, monkeypatch, places
):
    window = np.ones((8, 8, 3), np.uint8)
    finder.find_close(window)
    for next_ in ([1, 0], [1, 1, 1, 0]):
        Landmarker.seen.clear()
        with monkeypatch.context() as lost:
            lost.setitem(Landmarker.places, "video", places)
            assert len(finder.find_close(window)) == 2
        assert [
            picture.any() for mode, _, picture, _ in Landmarker.seen if mode == "video"
        ] == next_
        assert Landmarker.seen[-1][0] == "image"


def test_windows_are_too_far_apart_in_time_to_be_smoothed(finder):
    for _ in range(3):
        finder.find_close(np.zeros((8, 8, 3), np.uint8))
    times = [time for *_, time in Landmarker.seen]
    # MediaPipe's filter holds back 3 s / (the time between) of a motion.
    assert np.diff(times).min() / 1000 > 3 * 2**18


def test_units_and_pose_are_read_of_the_first_face(finder, monkeypatch):
    class Reader(Landmarker):
        def detect_for_video(self, picture, time):
            assert self._options.output_face_blendshapes
            assert self._options.output_facial_transformation_matrixes
            there = [0] if picture.any() else []
            unit = types.SimpleNamespace(category_name="jawOpen", score=0.3)
            return types.SimpleNamespace(
                face_blendshapes=[[unit] for _ in there],
                facial_transformation_matrixes=[2 * np.eye(4) for _ in there],
            )

    package = sys.modules["mediapipe.tasks.python"]
    monkeypatch.setattr(package.vision, "FaceLandmarker", Reader)
    monkeypatch.setattr(package.vision, "FaceLandmarkerOptions", _settings)
    read = mesh.reader()
    scores, matrix = read(np.ones((8, 8, 3), np.uint8))
    assert scores == {"jawOpen": 0.3}
    np.testing.assert_array_equal(matrix, 2 * np.eye(4))
    assert read(np.zeros((8, 8, 3), np.uint8)) is None


def _settings(base, **settings):
    return types.SimpleNamespace(base=base, **settings)


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
