"""How well do motion modes move the faces of rendered people whom they have not seen?

    python benchmarks/quality/flow.py --people=100 [--workdir=runs/motion_modes]

Renders pairs of pictures of people of no data set, whose flow is known, and their label clips.
Prints as JSON: the mean absolute error of the flow over the face pixels that the photo shows, as a
share of the error of no flow at all, for all pairs and by what photo and picture show; for each of
the 52 face units, made wholly by a neutral face with what it needs (`unit_sheet.WITH`), how much of
the change is generated; and of the clips' last frames, generated and real, how often the nearest of
all people's neutral frames, by dlib's descriptor, is the same person's. Intervals are over people.
Needs the extra `[faces]`.
"""

import json
from collections.abc import Callable, Iterable, Mapping

import dlib
import face_recognition_models as models
import identity as apexes
import numpy as np
import unit_sheet
from absl import flags, logging

from fevgan_jax import EXPRESSIONS
from fevgan_jax.animation import model, moving
from fevgan_jax.faces import units
from fevgan_jax.metrics import identity, statistics
from fevgan_jax.models import motion_modes
from fevgan_jax.runtime import cli
from fevgan_jax.tfds_builders.synthetic_faces import changes, clip, pairs

_UNIT_PEOPLE = 20
"""People who make each face unit alone."""

Move = Callable[[np.ndarray, np.ndarray, float], model.Frame]
"""From a face uint8 `[S, S, 3]`, a target `[56]` and a place on the way to it to a frame."""


def of_animator(animator: model.Animator) -> Move:
    """Moves faces by a model."""
    ask = animator.prepare(1, 1)

    def move(face, target, path):
        (motion,) = ask(face, target[None], np.float32([[path]]))
        return motion[0]

    return move


def kinds(pair: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The groups that a pair belongs to."""
    shows = {True: "expression", False: "neutral"}
    goal = motion_modes.condition(pair)["units"]
    moved = np.abs(goal[0, : len(units.NAMES)]).max() > 1e-4
    return ("all", f"photo {shows[pair['shown'].any()]}", f"picture {shows[moved]}")


def flow_errors(move: Move, people: Iterable[int], number: int, side: int) -> dict[str, np.ndarray]:
    """Sums over the visible face pixels of each person's pairs.

    Args:
      move: the model.
      people: subject ids.
      number: pairs of each.
      side: of the pictures.

    Returns:
      By kind of pair float64 `[P, 2]`: the absolute errors of the model's flow and of none.
    """
    people, sums = list(people), {}
    for row, person in enumerate(people):
        for each in range(number):
            pair = {
                name: np.asarray(value)[None]
                for name, value in pairs.render_pair(person, each, side).items()
            }
            asked = motion_modes.condition(pair)
            frame = move(pair["photo"][0], np.asarray(asked["units"][0]), float(pair["path"][0]))
            seen, exact = pair["visible"][0] > 0, pair["flow"][0].astype(np.float64)
            errors = [(np.abs(flow - exact) * seen).sum() for flow in (frame.flow, 0.0)]
            for kind in kinds(pair):
                sums.setdefault(kind, np.zeros((len(people), 2)))[row] += errors
        if row % 10 == 9:
            logging.info("Flow of %d of %d people is measured.", row + 1, len(people))
    return sums


def unit_changes(move: Move, people: Iterable[int], side: int) -> dict[str, np.ndarray]:
    """How far pictures change in which one face unit goes from 0 to 1.

    Args:
      move: the model.
      people: subject ids.
      side: of the pictures.

    Returns:
      By unit float64 `[P, 2]`: the dot product of the generated and the real change of the pixels,
      and the real change's with itself.
    """
    lengths, none = {name: [] for name in units.NAMES}, np.zeros(len(units.NAMES), np.float32)
    for person in people:
        for name in units.NAMES:
            target = units.target(unit_sheet.asked(name))
            change = changes.Change(none, np.zeros(4), target[: len(none)], np.zeros(4), none)
            pair = pairs.of_change(clip.person(person), change, side, np.random.default_rng(person))
            photo, generated = pair["photo"], pair["photo"].copy()
            moving.draw(moving.of_crop(photo, photo), move(photo, target, 1.0), generated)
            made, real = (each - photo.astype(np.float64) for each in (generated, pair["picture"]))
            lengths[name].append([(made * real).sum(), (real * real).sum()])
    return {name: np.array(parts) for name, parts in lengths.items()}


def ratio(parts: np.ndarray) -> dict[str, float]:
    """The first column's sum as a share of the second's, `[P, 2]`, with an interval over people."""

    def statistic(weights):
        above, below = (weights @ parts).T
        return above / below

    low, high = statistics.interval(statistic, len(parts))
    (center,) = statistic(np.ones((1, len(parts))))
    return {"ratio": round(float(center), 4), "low": round(low, 4), "high": round(high, 4)}


def recognised(move: Move, people: Iterable[int], side: int) -> np.ndarray:
    """Shares `[P, 2]` of each person's six last frames, generated and real, that are found."""
    net = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    gallery, last = [], {"generated": [], "real": []}
    for person in people:
        of_person = [
            clip.render_subject(person, name, side, chosen=(0, clip.NUM_FRAMES - 1))
            for name in EXPRESSIONS
        ]
        photos, real = (np.stack([each["video"][t] for each in of_person]) for t in (0, 1))
        landmarks = np.stack([each["landmarks"][0] for each in of_person])
        generated = photos.copy()
        for photo, target, onto in zip(photos, units.table(), generated, strict=True):
            moving.draw(moving.of_crop(photo, photo), move(photo, target, 1.0), onto)
        gallery.append(apexes.descriptors(net, photos[:1], landmarks[:1])[0])
        for name, frames in (("generated", generated), ("real", real)):
            last[name].append(apexes.descriptors(net, frames, landmarks))
        if len(gallery) % 10 == 0:
            logging.info("Clips of %d people are measured.", len(gallery))
    gallery = np.stack(gallery)
    return np.array(
        [
            [identity.retrieval(found, gallery, np.full(len(found), owner)) for found in each]
            for owner, each in enumerate(zip(*last.values(), strict=True))
        ]
    )


def measure(workdir: str | None, first: int, number: int, num_pairs: int) -> dict:
    """All that this module's docstring says."""
    animator = model.load(workdir)
    move, people = of_animator(animator), range(first, first + number)
    sums = flow_errors(move, people, num_pairs, animator.side)
    alone = unit_changes(move, people[:_UNIT_PEOPLE], animator.side)
    found = recognised(move, people, animator.side)
    generated, real = found.mean(0).round(4).tolist()
    return {
        "people": number,
        "pairs": number * num_pairs,
        "flow": {kind: ratio(parts) for kind, parts in sums.items()},
        "units": {name: ratio(parts) for name, parts in alone.items()},
        "retrieval": {"generated": generated, "real": real} | ratio(found),
    }


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a run; without it the shipped weights")
    _PEOPLE = flags.DEFINE_integer("people", 100, "how many people", lower_bound=2)
    _FIRST = flags.DEFINE_integer("first_person", 40_000_000, "subject id of the first one")
    _PAIRS = flags.DEFINE_integer("pairs", 6, "pairs of each person", lower_bound=1)
    cli.run(
        lambda: print(
            json.dumps(measure(_WORKDIR.value, _FIRST.value, _PEOPLE.value, _PAIRS.value), indent=1)
        )
    )
