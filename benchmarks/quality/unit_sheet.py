"""Draws each of the 52 face units on a photo, by its name.

    python benchmarks/quality/unit_sheet.py --photo=me.jpg --output=units.webp [--workdir=RUN]

Without a photo it is scikit-image's `astronaut()`. A unit goes from 0 to `--strength`, together
with the units that it needs (`WITH`).
"""

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
from absl import flags
from PIL import Image, ImageDraw, ImageFont

from fevgan_jax.animation import model, portrait
from fevgan_jax.faces import find, units
from fevgan_jax.faces import photo as photos
from fevgan_jax.run.files import require_folder
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError

WITH = {
    "mouthClose": {"jawOpen": 1.0},
    "tongueOut": {"jawOpen": 0.4},
    **{
        f"eyeLook{way}{side}": {f"eyeLook{with_it}{other}": 1.0}
        for side, other in (("Left", "Right"), ("Right", "Left"))
        for way, with_it in (("In", "Out"), ("Out", "In"), ("Up", "Up"), ("Down", "Down"))
    },
}
"""What is made with a unit, by its share: lips close over an open jaw, eyes look the same way."""
_AROUND = 0.75
"""Half of a tile's side, in shares of the landmarks' height."""
_CAPTION = 18
"""Pixels under a tile for its name."""


def asked(name: str, strength: float = 1.0) -> dict[str, float]:
    """Amounts by unit for one unit and what it needs."""
    return {each: strength * share for each, share in ({name: 1.0} | WITH.get(name, {})).items()}


def faces(
    animator: model.Animator, path: str, names: Sequence[str], strength: float, side: int
) -> Iterator[tuple[str, np.ndarray]]:
    """The face of a photo and of what it becomes by each unit.

    Args:
      animator: the model.
      path: the photo.
      names: the units.
      strength: how far each unit goes.
      side: of the squares.

    Yields:
      A name, and uint8 `[side, side, 3]`.
    """
    wanted = tuple(
        ",".join(f"{each}:{amount:g}" for each, amount in asked(name, strength).items())
        for name in names
    )
    options = portrait.Options(units=wanted, seconds=0.08, longest_side=0)
    videos = portrait.animate(animator, path, portrait.order((), options), options)
    picture = photos.read(path)
    landmarks = find.choose(find.faces(picture), "largest", path)[0].landmarks
    low, high = landmarks[:, 1].min(), landmarks[:, 1].max()
    size = min(round(2 * _AROUND * (high - low)), *picture.shape[:2])
    room = np.array(picture.shape[1::-1]) - size
    corner = np.clip(np.round(landmarks.mean(0) - size / 2), 0, room).astype(int)
    columns, rows = (slice(start, start + size) for start in corner)
    last = (frames[-1] for _, frames in videos)
    for name, each in zip(("photo", *names), itertools.chain([picture], last), strict=True):
        yield name, cv2.resize(each[rows, columns], (side, side), interpolation=cv2.INTER_AREA)


def sheet(tiles: Iterable[tuple[str, np.ndarray]], across: int) -> Image.Image:
    """Puts squares with their names into rows of `across`."""
    tiles = list(tiles)
    side = len(tiles[0][1])
    down = -(-len(tiles) // across)
    whole = Image.new("RGB", (across * side, down * (side + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(12)
    for number, (name, tile) in enumerate(tiles):
        row, column = divmod(number, across)
        place = column * side, row * (side + _CAPTION)
        whole.paste(Image.fromarray(tile), place)
        middle = place[0] + side / 2, place[1] + side + _CAPTION / 2
        draw.text(middle, name, fill="black", font=font, anchor="mm")
    return whole


def main(path: str, output: str, workdir: str | None, strength: float) -> None:
    """Writes the sheet.

    Raises:
      UserError: the folder or the kind of file cannot be written, or the photo shows no face.
    """
    require_folder(os.path.dirname(output) or ".")
    if not output.endswith((".png", ".jpg", ".webp")):
        raise UserError(f"--output={output} is no picture: give a name with .png, .jpg or .webp.")
    os.makedirs(os.path.dirname(output) or ".", exist_ok=True)
    if path:
        tiles = faces(model.load(workdir), path, units.NAMES, strength, 144)
        sheet(tiles, 9).save(output, quality=80)
        return
    from skimage import data

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "astronaut.png")
        Image.fromarray(data.astronaut()).save(path)
        main(path, output, workdir, strength)


if __name__ == "__main__":
    _PHOTO = flags.DEFINE_string("photo", "", "the photo")
    _OUTPUT = flags.DEFINE_string("output", None, "the sheet", required=True)
    _WORKDIR = flags.DEFINE_string("workdir", None, "a run; without it the shipped weights")
    _STRENGTH = flags.DEFINE_float("strength", 1.0, "how far each unit goes")
    cli.run(lambda: main(_PHOTO.value, _OUTPUT.value, _WORKDIR.value, _STRENGTH.value))
