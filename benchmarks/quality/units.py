"""Do rendered expressions raise the face units that define them, by a net that saw real faces?

    python benchmarks/quality/units.py --landmarker=face_landmarker.task --subjects=50

For each subject of `synthetic_faces` MediaPipe's face landmarker scores the 52 ARKit face units of
the neutral picture and of each expression's apex. Prints as JSON, for each expression, how many
subjects have each of the two groups of units that define it raised by more than 0.05 (of a group,
one unit is enough), how many both, and the units whose scores change most on average. MediaPipe
brings an OpenCV of its own: run this in a virtual environment beside the project's, with
`pip install mediapipe numba` and `pip install --no-deps .`. Both groups rose in so many of 50
people (MediaPipe 1.2.3): anger 46, disgust 40, fear 50, happiness 49, sadness 47, surprise 50.
"""

import json
import os
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from absl import app, flags

from fevgan_jax import EXPRESSIONS
from fevgan_jax.tfds_builders.synthetic_faces import clip

RAISED = {
    "anger": (("browDown",), ("mouthPress", "mouthFrown", "mouthShrugLower")),
    "disgust": (("browDown", "noseSneer"), ("mouthUpperUp",)),
    "fear": (("browInnerUp",), ("eyeWide", "mouthStretch")),
    "happiness": (("mouthSmile",), ("cheekSquint", "eyeSquint")),
    "sadness": (("browInnerUp",), ("mouthFrown", "mouthShrugLower")),
    "surprise": (("browInnerUp",), ("jawOpen",)),
}
"""Expression -> two groups of face units that its action units move."""
THRESHOLD = 0.05
"""How much a score must rise, of 1."""
_MOST = 6

Scores = Mapping[str, float]


def group_risen(before: Scores, after: Scores, group: tuple[str, ...]) -> bool:
    """Whether a unit of the group has risen; one without a side counts as the mean of both."""
    return any(_of(after, name) - _of(before, name) > THRESHOLD for name in group)


def tally(before: list[Scores], after: list[Scores], expression: str) -> dict:
    """Counts one expression.

    Args:
      before: the scores of each subject's neutral picture.
      after: the scores of the same subjects' apexes.
      expression: one of `EXPRESSIONS`.
    """
    pairs = list(zip(before, after, strict=True))
    groups = RAISED[expression]
    risen = np.array([[group_risen(*each, group) for group in groups] for each in pairs], bool)
    risen = risen.reshape(len(pairs), len(groups))
    names = after[0] if after else ()
    change = {name: float(np.mean([b[name] - a[name] for a, b in pairs])) for name in names}
    most = sorted(change, key=lambda name: -abs(change[name]))[:_MOST]
    return {
        "subjects": len(pairs),
        "groups": dict(zip(map("|".join, groups), risen.sum(axis=0).tolist(), strict=True)),
        "both": int(risen.all(axis=1).sum()),
        "most": {name: round(change[name], 2) for name in most},
    }


def measure(read: Callable[[np.ndarray], Scores | None], first: int, count: int) -> dict:
    """Renders and scores `count` subjects; one in whom no face is found is left out and counted."""
    scores = {name: ([], []) for name in EXPRESSIONS}
    unread = 0
    for subject_id in range(first, first + count):
        clips = clip.of_subject(subject_id, 256, 0.0, chosen=(0, clip.NUM_FRAMES - 1))
        for features in clips:
            before, after = map(read, features["video"])
            if before is None or after is None:
                unread += 1
                continue
            scores[features["label"]][0].append(before)
            scores[features["label"]][1].append(after)
    return {name: tally(*scores[name], name) for name in EXPRESSIONS} | {"unread": unread}


def landmarker(path: str) -> Callable[[np.ndarray], Scores | None]:
    """Returns what scores a picture uint8 [H, W, 3] by MediaPipe's landmarker file."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=path), output_face_blendshapes=True
    )
    net = vision.FaceLandmarker.create_from_options(options)

    def read(picture):
        # The detector wants room around a face.
        roomy = cv2.copyMakeBorder(picture, 64, 64, 64, 64, cv2.BORDER_CONSTANT)
        found = net.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, roomy)).face_blendshapes
        return {each.category_name: each.score for each in found[0]} if found else None

    return read


def _of(scores, name):
    sides = [name] if name in scores else [name + "Left", name + "Right"]
    return np.mean([scores[side] for side in sides])


if __name__ == "__main__":
    _LANDMARKER = flags.DEFINE_string("landmarker", None, "face_landmarker.task", required=True)
    _FIRST = flags.DEFINE_integer("first_subject", 50_000, "id of the first person")
    _SUBJECTS = flags.DEFINE_integer("subjects", 50, "how many people")
    flags.register_validator("landmarker", os.path.isfile, "is no file: give MediaPipe's .task")
    app.run(
        lambda _: print(
            json.dumps(
                measure(landmarker(_LANDMARKER.value), _FIRST.value, _SUBJECTS.value), indent=1
            )
        )
    )
