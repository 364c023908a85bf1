"""Do photographs of people make the six faces, and stay those people?

    python benchmarks/quality/people.py --photos=FOLDER --landmarker=face_landmarker.task

The last frame of each expression, made of each photo of the folder by the shipped motion modes or
by `--workdir`, is compared with its photo. Prints as JSON, for each expression: in how many photos
MediaPipe's scores of the units that define it rise by more than 0.05 (see `units.py`), how often
dlib's descriptor finds the right person of all, and for `neutral` the score of a smile before and
after. Needs the extras `[faces]` and `[mediapipe]`.
"""

import json
import os
import pathlib

import dlib
import face_recognition_models as models
import numpy as np
import units
from absl import flags, logging

from fevgan_jax import EXPRESSIONS
from fevgan_jax.animation import model, portrait
from fevgan_jax.faces import find
from fevgan_jax.faces import photo as photos
from fevgan_jax.metrics import identity
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime import cli

NO_SMILE = 0.25
"""A smile's score below which a face is taken for neutral (choice: what neutral photos have)."""


def measure(
    folder: pathlib.Path,
    landmarker: str,
    workdir: str | None,
    options: portrait.Options,
    sheet: str,
) -> dict:
    """Makes the faces of every photo and measures them.

    Args:
      folder: the photos, each of one person.
      landmarker: MediaPipe's model file.
      workdir: a run of motion modes, or None for the shipped weights.
      options: how the videos are made.
      sheet: where to write all last frames as one picture; "" for nowhere.
    """
    read, animator = units.landmarker(landmarker), model.load(workdir)
    net = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    wanted = portrait.order([*EXPRESSIONS, "neutral"], options)
    scores, found, rows = [], [], []
    for path in sorted(folder.iterdir()):
        picture = photos.read(path)
        face = find.choose(find.faces(picture), "largest", path)[0]
        apexes = {
            name: video[-1] for name, video in portrait.animate(animator, path, wanted, options)
        }
        pictures = {"photo": picture} | apexes
        scores.append({name: read(each) for name, each in pictures.items()})
        found.append({n: _descriptor(net, each, face.landmarks) for n, each in pictures.items()})
        rows.append(np.concatenate([each[::2, ::2] for each in pictures.values()], axis=1))
        logging.info("%s is done.", path.name)
    if sheet:
        write_atomic(pathlib.Path(sheet), media.png(np.concatenate(rows)))
    gallery = np.stack([each["photo"] for each in found])
    owner = np.arange(len(gallery))
    result = {}
    for name in (*EXPRESSIONS, "neutral"):
        descriptors = np.stack([each[name] for each in found])
        result[name] = {"retrieval": float(identity.retrieval(descriptors, gallery, owner))}
        pairs = [(each["photo"], each[name]) for each in scores if each["photo"] and each[name]]
        if name in units.RAISED:
            result[name] |= units.tally(*map(list, zip(*pairs, strict=True)), name)
        else:
            smiles = np.array([[_smile(side) for side in pair] for pair in pairs])
            result[name] |= {
                "smile_before": round(float(smiles[:, 0].mean()), 3),
                "smile_after": round(float(smiles[:, 1].mean()), 3),
                "without_smile": int((smiles[:, 1] < NO_SMILE).sum()),
                "photos": len(pairs),
            }
    return result


def _smile(scores: units.Scores) -> float:
    return (scores["mouthSmileLeft"] + scores["mouthSmileRight"]) / 2


def _descriptor(net, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    points = [dlib.point(*map(round, map(float, point))) for point in landmarks]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, width, height), points)
    return np.array(net.compute_face_descriptor(np.ascontiguousarray(picture), shape))


def _main() -> None:
    options = portrait.Options(strength=_STRENGTH.value)
    folder = pathlib.Path(_PHOTOS.value)
    result = measure(folder, _LANDMARKER.value, _WORKDIR.value, options, _SHEET.value)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    _PHOTOS = flags.DEFINE_string("photos", None, "folder of photos", required=True)
    _LANDMARKER = flags.DEFINE_string("landmarker", None, "face_landmarker.task", required=True)
    _WORKDIR = flags.DEFINE_string("workdir", None, "a run; without it the shipped weights")
    _STRENGTH = flags.DEFINE_float("strength", 1.2, "how far the faces go", lower_bound=0.0)
    _SHEET = flags.DEFINE_string("sheet", "", "write all last frames as one picture")
    flags.register_validator("landmarker", os.path.isfile, "is no file: give MediaPipe's .task")
    cli.run(_main)
