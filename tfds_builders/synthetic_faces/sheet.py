"""Writes a contact sheet: one row per subject, neutral and then the six expressions at their apex."""

import cv2
import numpy as np
from absl import app, flags

import fevgan_jax
from fevgan_jax.tfds_builders.synthetic_faces import clip

_OUTPUT = flags.DEFINE_string("output", "synthetic_faces.png", "The PNG to write.")
_SUBJECTS = flags.DEFINE_list("subjects", ["10000", "10001", "10002", "10003", "10004", "10005", "10006", "10007"], "Ids.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "Side of a frame.")
_SCALE = flags.DEFINE_integer("scale", 1, "How many times a frame is enlarged.")


def main(argv):
    del argv
    rows = []
    for subject_id in _SUBJECTS.value:
        videos = [clip.render_subject(int(subject_id), e, _IMAGE_SIZE.value)["video"] for e in fevgan_jax.EXPRESSIONS]
        rows.append(np.concatenate([videos[0][0], *(video[-1] for video in videos)], axis=1))
    sheet = np.concatenate(rows)
    sheet = cv2.resize(sheet, None, fx=_SCALE.value, fy=_SCALE.value, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(_OUTPUT.value, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    app.run(main)
