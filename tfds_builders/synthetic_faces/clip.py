"""Renders one clip: a subject making an expression, from neutral to apex, as the features of the data set."""

import collections
import concurrent.futures
import functools
import multiprocessing
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

import fevgan_jax
from fevgan_jax.tfds_builders.synthetic_faces import expressions, head, render, subject

NUM_FRAMES = 32
HEAD_MOTION = 1.0  # degrees: the standard deviation of the turn that photo and label do not tell
_CAMERA = 9.0  # decimetres from the face
_PIVOT = np.array([0.0, -0.9, -0.7], np.float32)  # where a head nods and turns
# The neutral oval in shares of the image: a dropped jaw needs the room below.
_TOP, _BOTTOM = 0.03, 0.89

person = functools.lru_cache(maxsize=8)(subject.make)


def render_subject(
    subject_id: int, expression: str, image_size: int = 64, head_motion: float = HEAD_MOTION
) -> dict[str, object]:
    """Returns the features of one clip, as numpy arrays and strings.

    Args:
      subject_id: any number from 0; the same number is the same person.
      expression: one of `fevgan_jax.EXPRESSIONS`.
      image_size: side of the square frames.
      head_motion: see `HEAD_MOTION`.
    """
    model, who = head.load(), person(subject_id)
    label = fevgan_jax.EXPRESSIONS.index(expression)
    random = np.random.default_rng([11, subject_id, label])
    progress = expressions.onset(NUM_FRAMES, *who.onset)
    moved = expressions.displacement(model.units, expression) * who.strength * random.normal(1, 0.02)
    drift = random.normal(0, head_motion, 3) * [0.5, 1, 0.5]
    apex = np.array(expressions.HEAD[expression]) + [*drift, 0]

    posed = [_pose(model, who.vertices + p * moved, p * apex) for p in progress]
    place = _crop(posed[0], model, image_size, random)
    frames, masks, landmarks = [], [], []
    for points in posed:
        points = place(points)
        image, mask = render.render(model.mesh, who.paint, points, oval(points, model), image_size)
        frames.append(image)
        masks.append(mask)
        landmarks.append(points[model.landmarks, :2])
    return {
        "video": np.stack(frames),
        "mask": np.stack(masks),
        "landmarks": np.stack(landmarks),
        "label": expression,
        "subject": subject_name(subject_id),
        "clip": f"{subject_name(subject_id)}_{expression}",
        "source_frames": np.arange(NUM_FRAMES, dtype=np.float32),
    }


def render_subjects(
    subject_ids: Sequence[int], image_size: int = 64, head_motion: float = HEAD_MOTION, num_workers: int = 1
) -> Iterator[dict[str, object]]:
    """Yields the six clips of each subject, in order, `video` and `mask` as lists of PNG bytes.

    Pixels and order do not depend on `num_workers`. The processes encode the frames as well: TFDS takes several times
    as long over that as rendering takes.
    """
    work = functools.partial(_render_all, image_size=image_size, head_motion=head_motion)
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=num_workers,
        mp_context=multiprocessing.get_context("spawn"),  # TensorFlow's threads do not survive a fork
        initializer=cv2.setNumThreads,
        initargs=(1,),
    ) as pool:
        ahead = collections.deque()  # bounded, or finished clips would pile up in memory
        for subject_id in subject_ids:
            ahead.append(pool.submit(work, subject_id))
            if len(ahead) > 2 * num_workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def subject_name(subject_id: int) -> str:
    """Returns the name that stands for a person in the data set."""
    return f"s{subject_id:05d}"


def _render_all(subject_id, image_size, head_motion):
    clips = []
    for expression in fevgan_jax.EXPRESSIONS:
        features = render_subject(subject_id, expression, image_size, head_motion)
        features["video"] = [_png(frame[..., ::-1]) for frame in features["video"]]
        features["mask"] = [_png(frame) for frame in features["mask"]]
        clips.append(features)
    return clips


def _png(image):
    return cv2.imencode(".png", image)[1].tobytes()


def _pose(model, vertices, motion):
    """Turns the head and looks at it through the camera: [V, 3] right, up, near, in decimetres at the face."""
    vertices = _keep_lids_off(model, vertices)
    nod, turn, tilt = np.radians(motion[:3])
    cn, sn, ct, st, ci, si = np.cos(nod), np.sin(nod), np.cos(turn), np.sin(turn), np.cos(tilt), np.sin(tilt)
    rotation = (
        np.array([[ci, -si, 0], [si, ci, 0], [0, 0, 1]])
        @ np.array([[ct, 0, st], [0, 1, 0], [-st, 0, ct]])
        @ np.array([[1, 0, 0], [0, cn, -sn], [0, sn, cn]])
    ).astype(np.float32)
    vertices = np.einsum("vi,ji->vj", vertices - _PIVOT, rotation) + _PIVOT
    vertices[:, 2] += np.float32(motion[3])
    vertices[:, :2] *= (_CAMERA / (_CAMERA - vertices[:, 2]))[:, None]
    return vertices


def _keep_lids_off(model, vertices):
    """Pushes eyelids out of the eyeballs: face units move them along straight lines."""
    vertices = vertices.copy()
    for eye, ids in zip(model.eyes, model.lids):
        low, high = vertices[eye].min(axis=0), vertices[eye].max(axis=0)
        centre, radius = (low + high) / 2, (high - low)[:2].mean() / 2
        away = vertices[ids] - centre
        distance = np.linalg.norm(away, axis=1, keepdims=True)
        vertices[ids] += away * np.maximum(radius * np.float32(1.05) / distance - 1, 0)
    return vertices


def _crop(points, model, image_size, random):
    """Returns the clip's one transform to pixels: the first frame's oval fills the image but for the jaw's room."""
    edge = oval(points, model)
    low, high = edge.min(axis=0), edge.max(axis=0)
    scale = (_BOTTOM - _TOP) * image_size / (high[1] - low[1])
    scale = min(scale, 0.96 * image_size / (high[0] - low[0])) * random.normal(1, 0.004)
    shift = random.normal(0, 0.004 * image_size, 2)
    middle = np.array([(low[0] + high[0]) / 2, high[1], 0])
    corner = np.array([image_size / 2 + shift[0], _TOP * image_size + shift[1], 0])
    flip = np.array([scale, -scale, scale])
    return lambda points: ((points - middle) * flip + corner).astype(np.float32)


def oval(points: np.ndarray, model: head.Model) -> np.ndarray:
    """Returns the outline [N, 2] of the face: the jaw line made smooth, and an arc over the forehead."""
    jaw = points[model.landmarks[:17], :2]
    middle = (jaw[0] + jaw[16]) / 2
    across, up = (jaw[16] - jaw[0]) / 2, points[model.forehead, :2] - middle
    angle = np.linspace(0, np.pi, 25)[1:-1, None]
    arc = middle + np.cos(angle) * across + np.sin(angle) ** 0.9 * up
    t = np.linspace(0, 1, 5)[None, 1:-1, None]
    bows = _bow(jaw[:-3], jaw[1:-2], jaw[2:-1], jaw[3:], t)
    smooth = np.concatenate([jaw[1:-2, None], bows], axis=1).reshape(-1, 2)
    return np.concatenate([jaw[:1], smooth, jaw[-2:], arc]).astype(np.float32)


def _bow(before, start, end, after, t):
    """Catmull and Rom's curve from `start` to `end`, each [N, 2], at t [1, T, 1]."""
    before, start, end, after = (p[:, None] for p in (before, start, end, after))
    return 0.5 * (
        2 * start + (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )  # fmt: skip
