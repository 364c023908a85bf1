"""Makes videos of a person from one neutral photo.

    python -m fevgan_jax.generate --workdir=runs/demo --photo=me.jpg --output=out

Each expression gives a GIF and an MP4, and all of them one sheet of frames.
"""

import os
import pathlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from absl import flags
from PIL import Image, ImageDraw, ImageFont

from fevgan_jax import faces
from fevgan_jax.run import media
from fevgan_jax.run.files import write_atomic
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.workers import Workers
from fevgan_jax.training import trained

# Enough to look at; a 64-pixel GIF is a stamp on today's screens.
_SIDE = 256
_STRIP_FRAMES = 8


def generate(
    workdir: str | os.PathLike,
    photo: str | os.PathLike,
    expressions: Sequence[str] = (),
    weights_dir: str | None = None,
) -> dict[str, np.ndarray]:
    """Makes one video for each expression.

    Args:
      workdir: a trained run.
      photo: the file; a finished crop, or a photo in which the one face is found and cropped.
      expressions: some of the run's own class names; all of them when empty.
      weights_dir: folder of the frozen nets.

    Returns:
      uint8 `[T, H, W, 3]` by expression.

    Raises:
      UserError: the run cannot be opened, it does not know an expression, or the photo does not
        show exactly one face.
    """
    data = read_config(workdir).data
    known = list(data.class_names)
    expressions = list(expressions) or known
    for name in expressions:
        if name not in known:
            raise UserError(
                f"{workdir} knows no expression {name!r}: give one of {', '.join(known)}."
            )
    labels = np.array([known.index(name) for name in expressions], np.int32)
    # A process: while dlib reads its models, for two seconds, no thread beside it may run Python.
    image = Workers(1).submit(faces.prepare_photo, photo, data.clip_shape[1])
    sample = trained.load(workdir, weights_dir).sample_once(len(labels))
    videos = sample(image.result()[None], labels)
    return dict(zip(expressions, np.asarray(videos), strict=True))


def write_outputs(
    videos: dict[str, np.ndarray], output_dir: str | os.PathLike
) -> list[pathlib.Path]:
    """Writes a GIF and an MP4 of each expression, and one sheet of frames with all of them.

    Args:
      videos: uint8 `[T, H, W, 3]` by expression.
      output_dir: The folder; it is made when it is missing, and files of these names are replaced.

    Returns:
      The files: `<expression>.gif` and `<expression>.mp4` for each, and `strip.png`.
    """
    folder, files = pathlib.Path(output_dir), []
    scale = max(1, _SIDE // next(iter(videos.values())).shape[1])
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        sheet = threads.submit(lambda: media.png(_labelled_strips(videos)))
        gifs = threads.map(lambda frames: media.gif(frames, scale=scale), videos.values())
        movies = [
            threads.submit(media.write_mp4, folder / f"{name}.mp4", frames, scale=scale)
            for name, frames in videos.items()
        ]
        for name, gif, movie in zip(videos, gifs, movies, strict=True):
            files += [folder / f"{name}.gif", folder / f"{name}.mp4"]
            write_atomic(files[-2], gif)
            movie.result()
    files.append(folder / "strip.png")
    write_atomic(files[-1], sheet.result())
    return files


def _labelled_strips(videos: dict[str, np.ndarray]) -> np.ndarray:
    """One row of frames for each expression, its name to the left, uint8 `[H, W, 3]`."""
    rows = []
    for name, frames in videos.items():
        strip = media.enlarge(
            media.strip(frames, _STRIP_FRAMES), max(1, _SIDE // 2 // frames.shape[1])
        )
        height = len(strip)
        label = Image.new("RGB", (height, height))
        font = ImageFont.load_default(size=height / 7)
        ImageDraw.Draw(label).text((height / 2, height / 2), name, font=font, anchor="mm")
        rows.append(np.concatenate([np.asarray(label), strip], axis=1))
    return np.concatenate(rows)


def _main() -> None:
    videos = generate(_WORKDIR.value, _PHOTO.value, _EXPRESSION.value, _WEIGHTS_DIR.value)
    for path in write_outputs(videos, _OUTPUT.value):
        print(path)


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a trained run", required=True)
    _PHOTO = flags.DEFINE_string("photo", None, "a neutral photo of one person", required=True)
    _EXPRESSION = flags.DEFINE_list("expression", [], "one or more; all when not given")
    _OUTPUT = flags.DEFINE_string("output", None, "the folder of the videos", required=True)
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
