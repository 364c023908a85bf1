"""Makes videos of a person from one neutral photo.

    python -m fevgan_jax.generate --workdir=runs/demo --photo=me.jpg --output=out

Each expression gives a GIF and an MP4, and all of them one sheet of frames.
"""

import hashlib
import os
import pathlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
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
from fevgan_jax.training.sampling import clip_keys

# Enough to look at; a 64-pixel GIF is a stamp on today's screens.
_SIDE = 256
_STRIP_FRAMES = 8


def generate(
    workdir: str | os.PathLike,
    photo: str | os.PathLike,
    expressions: Sequence[str] = (),
    weights_dir: str | None = None,
    seed: int = 0,
    num_samples: int = 1,
) -> dict[str, np.ndarray]:
    """Makes videos of each expression.

    Args:
      workdir: a trained run.
      photo: the file; a finished crop, or a photo in which the one face is found and cropped.
      expressions: some of the run's own class names; all of them when empty.
      weights_dir: folder of the frozen nets.
      seed: of the noise, in families that draw any; a photo, an expression, a seed and a sample's
        number give one video.
      num_samples: videos of each expression, which differ by their noise.

    Returns:
      uint8 `[T, H, W, 3]` by expression; further samples as `<expression>_2` and so on.

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
    # A process: while dlib reads its models, for two seconds, no thread beside it may run Python.
    image = Workers(1).submit(faces.prepare_photo, photo, data.clip_shape[1])
    model = trained.load(workdir, weights_dir)
    named = {
        name if number == 0 else f"{name}_{number + 1}": (name, number)
        for name in expressions
        for number in range(num_samples)
    }
    labels = np.array([known.index(name) for name, _ in named.values()], np.int32)
    sample = model.sample_once(
        {
            "photo": jax.ShapeDtypeStruct((1, *data.clip_shape[1:]), np.uint8),
            "label": jax.ShapeDtypeStruct(labels.shape, labels.dtype),
        },
        _keys(photo, seed, named.values()),
    )
    videos = sample({"photo": image.result()[None], "label": labels})
    return dict(zip(named, np.asarray(videos), strict=True))


def _keys(photo: str | os.PathLike, seed: int, named: Iterable[tuple[str, int]]) -> jax.Array:
    digest = hashlib.sha256(pathlib.Path(photo).read_bytes()).hexdigest()
    keys = [clip_keys(seed, [f"{digest}/{name}"], number) for name, number in named]
    return jnp.concatenate(keys)


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
    videos = generate(
        _WORKDIR.value,
        _PHOTO.value,
        _EXPRESSION.value,
        _WEIGHTS_DIR.value,
        _SEED.value,
        _SAMPLES.value,
    )
    for path in write_outputs(videos, _OUTPUT.value):
        print(path)


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a trained run", required=True)
    _PHOTO = flags.DEFINE_string("photo", None, "a neutral photo of one person", required=True)
    _EXPRESSION = flags.DEFINE_list("expression", [], "one or more; all when not given")
    _SEED = flags.DEFINE_integer("seed", 0, "of the noise, where a family draws any", lower_bound=0)
    _SAMPLES = flags.DEFINE_integer("samples", 1, "videos of each expression", lower_bound=1)
    _OUTPUT = flags.DEFINE_string("output", None, "the folder of the videos", required=True)
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
