"""A driving clip: units and head motion relative to its first frame, whatever reads them."""

import numpy as np
import pytest

from fevgan_jax.animation import drive, model, portrait
from fevgan_jax.faces import mesh, units
from fevgan_jax.run import media
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders.synthetic_faces import camera, expressions, head


@pytest.fixture
def clip(tmp_path):
    """Five frames of rising brightness; the reader below sees a jaw that opens with it."""
    frames = np.arange(0, 250, 50, dtype=np.uint8)[:, None, None, None].repeat(64, 1).repeat(64, 2)
    media.write_mp4(tmp_path / "clip.mp4", frames.repeat(3, 3), fps=12)
    return tmp_path / "clip.mp4"


def reader(sees):
    """In place of MediaPipe: a jaw as open, and a head as near, as the frame is bright."""

    def measure(picture):
        mean = float(picture.mean()) / 255
        matrix = np.eye(4)
        matrix[2, 3] = mean - 30
        scores = {"_neutral": 0.1, "jawOpen": 0.2 + mean}
        return mesh.Reading(scores, matrix) if sees(mean) else None

    return lambda path: measure


def test_units_are_relative_to_the_first_frame(clip, monkeypatch):
    monkeypatch.setattr(mesh, "reader", reader(lambda mean: True))
    fps, changes = drive.read(clip)
    assert fps == 12
    assert changes.shape == (5, 56)
    jaw = changes[:, units.NAMES.index("jawOpen")]
    np.testing.assert_allclose(jaw, np.arange(5) * 50 / 255, atol=0.02)
    # A centimetre of 30 is 0.3 dm of 9.
    np.testing.assert_allclose(changes[:, 55], 2 * 0.3 * np.arange(5) * 50 / 255, atol=0.02)
    assert (np.delete(changes, (units.NAMES.index("jawOpen"), 55), axis=1) == 0).all()


def test_a_gaze_across_the_middle_is_one_movement(clip, monkeypatch):
    still = np.eye(4)
    still[2, 3] = -30

    def measure(picture):
        mean = float(picture.mean()) / 255
        scores = {"eyeLookInLeft": max(0.3 - mean, 0), "eyeLookOutLeft": max(mean - 0.3, 0)}
        return mesh.Reading(scores, still)

    monkeypatch.setattr(mesh, "reader", lambda path: measure)
    _, changes = drive.read(clip)
    inwards, outwards = (
        changes[:, units.NAMES.index(f"eyeLook{way}Left")] for way in ("In", "Out")
    )
    np.testing.assert_allclose(outwards, np.arange(5) * 50 / 255, atol=0.02)
    np.testing.assert_array_equal(inwards, 0)


def test_eyes_that_shut_in_the_clip_are_shut(clip, monkeypatch):
    still = np.eye(4)
    still[2, 3] = -30
    monkeypatch.setattr(
        mesh,
        "reader",
        lambda path: lambda picture: mesh.Reading({"eyeBlinkLeft": picture.mean() / 255}, still),
    )
    _, changes = drive.read(clip)
    brightness = np.arange(5) * 50 / 255
    lids = changes[:, units.NAMES.index("eyeBlinkLeft")]
    np.testing.assert_allclose(lids, 2 * brightness, atol=0.04)


class Recording:
    """In place of the model: keeps what it is asked for."""

    def __init__(self, shown):
        self._shown, self.targets = shown, []

    def shown(self, face):
        return self._shown

    def prepare(self, number, frames):
        def ask(face, targets, path):
            self.targets += list(targets)
            return [[None]] * len(targets)

        return ask


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.6), (0.3, 1.0), (0.0, -0.9), (0.8, -0.9)])
def test_lids_go_from_open_to_shut_and_no_further(before, after):
    blink = units.NAMES.index("eyeBlinkLeft")
    shown, changes = np.zeros(52, np.float32), np.zeros((2, 56), np.float32)
    shown[blink], changes[1, blink] = before, after
    animator = Recording(shown)
    drive.follow(animator, None, changes, strength=1.0)
    assert animator.targets[1][blink] == (1.0 if after > 0 else 0.0)


def test_a_frame_without_a_face_is_like_the_one_before(clip, monkeypatch):
    monkeypatch.setattr(mesh, "reader", reader(lambda mean: not 0.3 < mean < 0.5))
    _, changes = drive.read(clip)
    np.testing.assert_array_equal(changes[2], changes[1])
    assert changes[3].sum() > changes[1].sum()


def test_a_clip_that_begins_without_a_face_is_refused(clip, monkeypatch):
    monkeypatch.setattr(mesh, "reader", reader(lambda mean: mean > 0.1))
    with pytest.raises(UserError, match=r"clip\.mp4: its first frame shows no face; cut"):
        drive.read(clip)


def test_a_file_that_is_no_video_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh, "reader", reader(lambda mean: True))
    (tmp_path / "clip.mp4").write_text("no video")
    with pytest.raises(UserError, match=r"clip\.mp4 cannot be read as a video"):
        drive.read(tmp_path / "clip.mp4")


def matrix(motion):
    """The pose of a rendered head as MediaPipe would write it, by least squares over its teeth."""
    shape = head.load()
    before = shape.average[np.concatenate(shape.teeth)].astype(np.float64)
    after = camera.pose(shape, shape.average, np.array(motion))[np.concatenate(shape.teeth)]
    after[:, :2] *= (camera._CAMERA - after[:, 2:]) / camera._CAMERA
    ones = np.ones((len(before), 1))
    solved, *_ = np.linalg.lstsq(np.hstack([before, ones]), after, rcond=None)
    found = np.eye(4)
    found[:3] = solved.T
    found[2, 3] -= camera._CAMERA
    return found


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0, 0.0), (6.0, -10.0, 4.0, 0.2)])
def test_the_head_moves_as_a_rendered_one_does(axis, start):
    motion = np.zeros((3, 4))
    motion[:, axis] = 0.0, 5.0, -5.0
    read = drive.head_motion(np.array([matrix(start + each) for each in motion]))
    np.testing.assert_allclose(read[:, :3] / drive._GAIN, motion[:, :3], atol=0.01)


def test_a_head_that_comes_nearer_is_nearer():
    read = drive.head_motion(np.array([matrix((0, 0, 0, near)) for near in (0, 0.4, -0.4)]))
    assert drive._DISTANCE == camera._CAMERA
    np.testing.assert_allclose(read, [[0] * 4, [0, 0, 0, 0.4], [0, 0, 0, -0.4]], atol=0.01)


def test_a_head_that_is_upside_down_does_not_jump():
    read = drive.head_motion(np.array([matrix((0, 0, tilt, 0)) for tilt in (179, 183)]))
    np.testing.assert_allclose(read[1, :3], [0, 0, 4], atol=0.01)


@pytest.fixture(scope="module")
def face():
    side = model.load().side
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def following(face, *motions):
    changes = np.zeros((len(motions), units.SIZE), np.float32)
    changes[:, 52:] = motions * expressions.HEAD_SCALE
    return drive.follow(model.load(), face, changes, 1.0)


def test_a_face_turns_as_far_as_its_model_has_learnt(face):
    still, some, most, more = following(face, [0] * 4, [0, 4, 0, 0], [0, 9, 0, 0], [0, 60, 0, 0])
    assert not still.flow.any()
    assert 0 < np.abs(some.flow).mean() < np.abs(most.flow).mean()
    np.testing.assert_array_equal(most.flow, more.flow)


@pytest.mark.parametrize("moves", [False, True])
def test_the_head_follows_on_request(monkeypatch, moves):
    changes = np.ones((2, units.SIZE), np.float32)
    monkeypatch.setattr(drive, "read", lambda clip, landmarker: (25.0, changes.copy()))
    options = portrait.Options(drive="clip.mp4", head=moves)
    (asked,) = portrait.order([], options).changes.values()
    np.testing.assert_array_equal(asked[:, :52], 1)
    np.testing.assert_array_equal(asked[:, 52:], moves)


def test_a_clip_without_a_pace_is_refused(monkeypatch):
    monkeypatch.setattr(drive.mesh, "reader", lambda landmarker: None)
    monkeypatch.setattr(drive.movie, "read", lambda clip: (0.0, iter([])))
    with pytest.raises(UserError, match=r"clip\.webm does not tell its frames per second; save it"):
        drive.read("clip.webm")


def test_a_missing_model_file_is_named(clip):
    pytest.importorskip("mediapipe")
    with pytest.raises(UserError, match=r"missing\.task: there is no such model file"):
        drive.read(clip, str(clip.parent / "missing.task"))
