"""Renders pairs of pictures of one person, with exact answers: how the face moved between them."""

import dataclasses

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import (
    camera,
    changes,
    clip,
    correspondence,
    expressions,
    gaze,
    head,
    lids,
    mouth,
    render,
    subject,
)

_TEETH = (0.9, 1.8)
"""Factor of the colour of teeth: a photographer's light comes from the front and reaches them."""


def render_pair(subject_id: int, number: int, image_size: int = 64) -> dict[str, object]:
    """Renders one pair, a pure function of the arguments.

    Args:
      subject_id: any number from 0; the same number is the same person.
      number: which pair of this person, from 0.
      image_size: side S of the square pictures.

    Returns:
      What `of_change` gives, and the strings `subject` and `clip`, which is unique.
    """
    random = np.random.default_rng([13, subject_id, number])
    change = changes.draw(random, head.load().unit_names)
    who = clip.person(subject_id)
    changed = subject.light(random) | {"teeth": who.paint.teeth * random.uniform(*_TEETH)}
    lit = dataclasses.replace(who, paint=dataclasses.replace(who.paint, **changed))
    answer = of_change(lit, change, image_size, random)
    name = clip.subject_name(subject_id)
    return answer | {"subject": name, "clip": f"{name}_pair{number:03d}"}


def of_subject(subject_id: int, number: int, image_size: int = 64) -> list[dict[str, object]]:
    """Renders the first `number` pairs of one subject; see `render_pair`."""
    return [render_pair(subject_id, each, image_size) for each in range(number)]


def of_change(
    who: subject.Subject,
    change: changes.Change,
    image_size: int,
    random: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Renders what a change says.

    Args:
      who: the person, in the light of both pictures.
      change: what they show.
      image_size: side S of the square pictures.
      random: moves the crop a little.

    Returns:
      `photo` and `picture` uint8 [S, S, 3]; `flow` float16 [S, S, 2], from a pixel of the picture
      to where it is in the photo, x then y, as shares of the side; `visible` uint8 [S, S, 1], 255
      where that place shows the same point; `mask` uint8 [S, S, 1], 255 on the picture's face;
      `mouth` uint8 [S, S, 1] and `tooth` float16 [S, S, 2], what `mouth.look_into` says of it;
      `units` float32 [56], the picture's 52 face units and its pose relative to the photo, times
      `expressions.HEAD_SCALE`; `shown` float32 [52], the photo's face units; and `path` float32 [].
    """
    model = head.load()

    def posed(units, motion):
        units = gaze.one_way(model.unit_names, change.gaze + units)
        units = lids.closing(model, who.vertices, units)
        return camera.pose(model, who.vertices + head.displacement(model, units), motion)

    before = posed(change.shown, change.stance)
    place = camera.crop(before, model, image_size, random)
    after = posed(change.units, change.stance + change.turn)
    photo, picture = (
        render.trace(model.mesh, points, camera.oval(points, model), image_size)
        for points in (place(before), place(after))
    )
    flow, visible = correspondence.backward(model.mesh, picture, photo)
    image, mask = render.colour(model.mesh, who.painted(change.units), picture)
    inside, tooth = mouth.look_into(model, picture)
    pose = change.turn * expressions.HEAD_SCALE
    return {
        "photo": render.colour(model.mesh, who.painted(change.shown), photo)[0],
        "picture": image,
        "flow": flow.astype(np.float16),
        "visible": visible & mask,
        "mask": mask,
        "mouth": inside,
        "tooth": tooth.astype(np.float16),
        "units": np.concatenate([change.units, pose]).astype(np.float32),
        "shown": change.shown.astype(np.float32),
        "path": np.float32(change.path),
    }
