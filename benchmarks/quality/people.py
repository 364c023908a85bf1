"""Do photographs of people make the six faces, and stay those people?

    python benchmarks/quality/people.py --photos=FOLDER --landmarker=face_landmarker.task \
        [--pattern='*_neutral.jpg' --smiling='*_smiling.jpg']

The last frame of each expression, made of each photo of the folder by the shipped motion modes or
by `--workdir`, is compared with its photo. Prints as JSON, for each expression: in how many photos
MediaPipe's scores of the units that define it rise by more than 0.05 (see `units.py`), how often
dlib's descriptor finds the right person of all, and for `neutral` the score of a smile before and
after. `--smiling` names photos of people who smile: of these `neutral` alone is made, and measured
in the same way. Needs the extras `[faces]` and `[mediapipe]`.
"""

import json
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import dlib
import face_recognition_models as models
import identity as apexes
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
from fevgan_jax.runtime.errors import UserError

NO_SMILE = 0.25
"""A smile's score below which a face is taken for neutral (choice: what neutral photos have)."""


class Made(NamedTuple):
    """The faces made of some photos, each by its name and `photo`.

    Attributes:
      scores: MediaPipe's of each photo's pictures; None where it finds no face.
      descriptors: dlib's, `[128]`.
      sheet: all pictures, uint8 `[H, W, 3]`, a row for each photo.
    """

    scores: list[dict[str, units.Scores | None]]
    descriptors: list[dict[str, np.ndarray]]
    sheet: np.ndarray

    def measured(self, name: str) -> dict:
        """What is reported of the expression `name`."""
        gallery, found = (
            np.stack([each[which] for each in self.descriptors]) for which in ("photo", name)
        )
        kept = {"retrieval": float(identity.retrieval(found, gallery, np.arange(len(gallery))))}
        both = [(each["photo"], each[name]) for each in self.scores]
        pairs = [pair for pair in both if all(pair)]
        if name in units.RAISED:
            return kept | units.tally(*map(list, zip(*pairs, strict=True)), name)
        smiles = np.array([[_smile(side) for side in pair] for pair in pairs])
        return kept | {
            "smile_before": round(float(smiles[:, 0].mean()), 3),
            "smile_after": round(float(smiles[:, 1].mean()), 3),
            "without_smile": int((smiles[:, 1] < NO_SMILE).sum()),
            "photos": len(pairs),
        }


def make(
    paths: Iterable[pathlib.Path],
    names: Sequence[str],
    read: Callable[[np.ndarray], units.Scores | None],
    animator: model.Animator,
    options: portrait.Options,
) -> Made:
    """Makes the faces of photos, and measures them.

    Args:
      paths: the photos, each of one person.
      names: the expressions.
      read: scores a picture, as `units.landmarker` does.
      animator: the model.
      options: how the videos are made.
    """
    net = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    wanted, (scores, found, rows) = portrait.order(names, options), ([], [], [])
    for path in paths:
        picture = photos.read(path)
        face = find.choose(find.faces(picture), "largest", path)[0]
        last = {
            name: video[-1] for name, video in portrait.animate(animator, path, wanted, options)
        }
        pictures = {"photo": picture} | last
        scores.append({name: read(each) for name, each in pictures.items()})
        landmarks = np.stack([face.landmarks] * len(pictures))
        known = apexes.descriptors(net, np.stack(list(pictures.values())), landmarks, scale=1)
        found.append(dict(zip(pictures, known, strict=True)))
        rows.append(np.concatenate([each[::2, ::2] for each in pictures.values()], axis=1))
        logging.info("%s is done.", path.name)
    return Made(scores, found, np.concatenate(rows))


def _smile(scores: units.Scores) -> float:
    return (scores["mouthSmileLeft"] + scores["mouthSmileRight"]) / 2


def _photos(pattern: str) -> list[pathlib.Path]:
    found = sorted(pathlib.Path(_PHOTOS.value).glob(pattern))
    if not found:
        raise UserError(f"{_PHOTOS.value} holds no file {pattern}; check --pattern and --smiling.")
    return found


def _main() -> None:
    options = portrait.Options(strength=_STRENGTH.value)
    asked = {"": ([*EXPRESSIONS, "neutral"], _photos(_PATTERN.value))}
    if _SMILING.value:
        asked["smiling"] = (["neutral"], _photos(_SMILING.value))
    read, animator = units.landmarker(_LANDMARKER.value), model.load(_WORKDIR.value)
    result = {}
    for kind, (names, paths) in asked.items():
        made = make(paths, names, read, animator, options)
        result |= {f"{name} {kind}".strip(): made.measured(name) for name in names}
        if _SHEET.value:
            sheet = pathlib.Path(_SHEET.value)
            write_atomic(sheet.with_stem(f"{sheet.stem} {kind}".strip()), media.png(made.sheet))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    _PHOTOS = flags.DEFINE_string("photos", None, "folder of photos", required=True)
    _PATTERN = flags.DEFINE_string("pattern", "*", "names of the photos in the folder")
    _SMILING = flags.DEFINE_string("smiling", "", "names of photos of people who smile")
    _LANDMARKER = flags.DEFINE_string("landmarker", None, "face_landmarker.task", required=True)
    _WORKDIR = flags.DEFINE_string("workdir", None, "a run; without it the shipped weights")
    _STRENGTH = flags.DEFINE_float("strength", 1.2, "how far the faces go", lower_bound=0.0)
    _SHEET = flags.DEFINE_string("sheet", "", "write all last frames as one picture (PNG) a kind")
    flags.register_validator("landmarker", os.path.isfile, "is no file: give MediaPipe's .task")
    cli.run(_main)
