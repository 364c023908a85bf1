"""Looks at a head through a camera: pose, projection, the crop to pixels, the face's oval."""

from collections.abc import Callable

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head

_CAMERA = 9.0
"""Decimetres from the face; choice: a portrait's distance."""
_PIVOT = np.array([0.0, -0.9, -0.7], np.float32)
"""Where a head nods and turns: the top of the neck."""
_TOP, _BOTTOM = 0.03, 0.89
"""Where the neutral oval ends, in shares of the image: a dropped jaw needs the room below."""
_LID_GAP = np.float32(1.05)
"""How far eyelids stay off, in radii of the eyeball; choice: closer, and eyeballs show through."""


def oval(points: np.ndarray, model: head.Model) -> np.ndarray:
    """Returns the outline of a face: its jaw line, made smooth, and an arc over the forehead.

    Args:
      points: float32 [V, 2 or more], vertices in any unit.
      model: the head model.

    Returns:
      float32 [N, 2], a closed polygon in the unit of the points.
    """
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
    """Catmull and Rom's curve from `start` to `end`, each [N, 2], at t [1, T, 1]: [N, T, 2]."""
    before, start, end, after = (p[:, None] for p in (before, start, end, after))
    return 0.5 * (
        2 * start + (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )  # fmt: skip


def pose(model: head.Model, vertices: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Turns the head and looks at it through the camera.

    Args:
      model: the head model.
      vertices: float32 [V, 3], the head as `head.neutral` gives it, with an expression.
      motion: nod, turn and tilt in degrees, and decimetres towards the camera.

    Returns:
      float32 [V, 3]: right, up, near, in decimetres at the face.
    """
    vertices = _keep_lids_off(model, vertices)
    cn, ct, ci = np.cos(np.radians(motion[:3]))
    sn, st, si = np.sin(np.radians(motion[:3]))
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
    for eye, ids in zip(model.eyes, model.lids, strict=True):
        low, high = vertices[eye].min(axis=0), vertices[eye].max(axis=0)
        centre, radius = (low + high) / 2, (high - low)[:2].mean() / 2
        away = vertices[ids] - centre
        distance = np.linalg.norm(away, axis=1, keepdims=True)
        vertices[ids] += away * np.maximum(radius * _LID_GAP / distance - 1, 0)
    return vertices


def crop(
    points: np.ndarray, model: head.Model, image_size: int, random: np.random.Generator
) -> Callable[[np.ndarray], np.ndarray]:
    """Finds the clip's one transform to pixels: the first frame's oval fills the image.

    A transform per frame would make the crop jitter and eat the motion.

    Args:
      points: float32 [V, 3], the first frame as `pose` gives it.
      model: the head model.
      image_size: side of the frames.
      random: moves and scales the crop by some 0.4%, as a face detector does (choice).

    Returns:
      The transform of points float32 [V, 3] to pixel column, pixel row and nearness in pixels.
    """
    edge = oval(points, model)
    low, high = edge.min(axis=0), edge.max(axis=0)
    scale = (_BOTTOM - _TOP) * image_size / (high[1] - low[1])
    scale = min(scale, 0.96 * image_size / (high[0] - low[0])) * random.normal(1, 0.004)
    shift = random.normal(0, 0.004 * image_size, 2)
    middle = np.array([(low[0] + high[0]) / 2, high[1], 0])
    corner = np.array([image_size / 2 + shift[0], _TOP * image_size + shift[1], 0])
    flip = np.array([scale, -scale, scale])
    return lambda points: ((points - middle) * flip + corner).astype(np.float32)
