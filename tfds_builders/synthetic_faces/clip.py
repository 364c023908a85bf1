"""Renders one clip: a subject makes an expression, from neutral to apex."""

import functools
from collections.abc import Sequence

import numpy as np

import fevgan_jax
from fevgan_jax.tfds_builders.synthetic_faces import camera, expressions, head, render, subject

NUM_FRAMES = 32
"""Frames of a clip (paper)."""
HEAD_MOTION = 1.0
"""Degrees: the standard deviation of the turn that photo and label do not tell; nod and tilt get
half. Choice: real heads drift, but what cannot be known teaches a generator to blur."""

person = functools.lru_cache(maxsize=8)(subject.make)


def render_subject(
    subject_id: int,
    expression: str,
    image_size: int = 64,
    head_motion: float = HEAD_MOTION,
    expression_head: float = 1.0,
    chosen: Sequence[int] = range(NUM_FRAMES),
) -> dict[str, object]:
    """Renders the clip of one subject and expression, a pure function of the arguments.

    Args:
      subject_id: any number from 0; the same number is the same person.
      expression: one of `fevgan_jax.EXPRESSIONS`.
      image_size: side S of the square frames.
      head_motion: see `HEAD_MOTION`.
      expression_head: how much of the head motion that belongs to the expression is made; 0 moves
        the face alone.
      chosen: which T of the clip's 32 frames to render.

    Returns:
      The features of the data set: `video` uint8 [T, S, S, 3], `mask` uint8 [T, S, S, 1] (0 or
      255), `landmarks` float32 [T, 68, 2] (column, row in pixels), `source_frames` float32 [T],
      and the strings `label`, `subject` and `clip`.

    Raises:
      ValueError: there is no such expression.
    """
    label = fevgan_jax.EXPRESSIONS.index(expression)
    model, who = head.load(), person(subject_id)
    random = np.random.default_rng([11, subject_id, label])
    progress = expressions.onset(NUM_FRAMES, *who.onset)
    units = expressions.preset(model.unit_names, expression) * who.strength
    units = units * random.normal(1, 0.02)  # choice: nobody does the same thing twice
    moved = head.displacement(model, units)
    drift = random.normal(0, head_motion, 3) * [0.5, 1, 0.5]
    apex = expression_head * np.array(expressions.HEAD[expression]) + [*drift, 0]

    def posed(frame):
        return camera.pose(model, who.vertices + progress[frame] * moved, progress[frame] * apex)

    place = camera.crop(posed(0), model, image_size, random)
    frames, masks, landmarks = [], [], []
    for frame in chosen:
        points = place(posed(frame))
        traced = render.trace(model.mesh, points, camera.oval(points, model), image_size)
        image, mask = render.colour(model.mesh, who.painted(progress[frame] * units), traced)
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
        "source_frames": np.array(chosen, np.float32),
    }


def of_subject(
    subject_id: int,
    image_size: int = 64,
    head_motion: float = HEAD_MOTION,
    expression_head: float = 1.0,
    chosen: Sequence[int] = range(NUM_FRAMES),
) -> list[dict[str, object]]:
    """Renders the six clips of one subject; arguments and clips as of `render_subject`."""
    return [
        render_subject(subject_id, name, image_size, head_motion, expression_head, chosen)
        for name in fevgan_jax.EXPRESSIONS
    ]


def subject_name(subject_id: int) -> str:
    """Returns the name that stands for a person in the data set."""
    return f"s{subject_id:05d}"
