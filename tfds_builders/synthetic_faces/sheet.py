"""Writes a contact sheet: one row per subject, neutral and then the six expressions at their apex.

The picture in the README:

    cd tfds_builders/synthetic_faces
    python -m fevgan_jax.tfds_builders.synthetic_faces.sheet --output=faces.png
"""

import cv2
import numpy as np
from absl import flags

from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime import cli
from fevgan_jax.tfds_builders.synthetic_faces import clip


def sheet(subject_ids: list[int], image_size: int) -> np.ndarray:
    """Returns the sheet, uint8 [len(subject_ids) * image_size, 7 * image_size, 3]."""
    rows = []
    for subject_id in subject_ids:
        clips = clip.of_subject(subject_id, image_size, chosen=(0, clip.NUM_FRAMES - 1))
        videos = [features["video"] for features in clips]
        rows.append(np.concatenate([videos[0][0], *(video[-1] for video in videos)], axis=1))
    return np.concatenate(rows)


def _main() -> None:
    picture = sheet([int(number) for number in _SUBJECTS.value], _IMAGE_SIZE.value)
    write_atomic(_OUTPUT.value, cv2.imencode(".png", picture[..., ::-1])[1].tobytes())


if __name__ == "__main__":
    _OUTPUT = flags.DEFINE_string("output", "synthetic_faces.png", "the PNG to write")
    _SUBJECTS = flags.DEFINE_list("subjects", [str(10_000 + i) for i in range(8)], "ids of people")
    _IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "side of a frame")
    cli.run(_main)
