"""Makes videos of the person in a photo, from the names of expressions.

    python -m fevgan_jax.generate --photo=me.jpg --output=out

moves the face in its photo, with the weights that are shipped; `--workdir` takes a run of your own.
Each expression gives a GIF, an MP4 and a WebP, and all of them one sheet of frames.
"""

import dataclasses
import functools
import hashlib
import importlib
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags, logging

from fevgan_jax import faces
from fevgan_jax.animation import model as animation_model
from fevgan_jax.animation import output, portrait
from fevgan_jax.run.files import require_folder
from fevgan_jax.run.workdir import read_config
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.workers import Workers
from fevgan_jax.training.family import build_family
from fevgan_jax.training.sampling import clip_keys

write_outputs = output.write

_Videos = Mapping[str, np.ndarray] | Iterator[tuple[str, np.ndarray]]

_PICTURES = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Endings of the files that are taken for photos in a folder."""


def generate(
    workdir: str | os.PathLike | None,
    photo: str | os.PathLike,
    expressions: Sequence[str] = (),
    weights_dir: str | None = None,
    seed: int = 0,
    num_samples: int = 1,
    options: portrait.Options | None = None,
) -> dict[str, np.ndarray]:
    """Makes videos of each expression.

    Args:
      workdir: a trained run; None for the shipped motion modes.
      photo: the file; a finished crop, or a photo in which the face is found.
      expressions: for motion modes names, plain words and blends, as `units.parse_expression`
        takes them; for other families some of the run's own class names. All when empty.
      weights_dir: folder of the frozen nets.
      seed: of the noise, in families that draw any; a photo, an expression, a seed and a sample's
        number give one video. Motion modes draw none.
      num_samples: videos of each expression, which differ by their noise.
      options: what else is asked of motion modes; of other families only which `face`.

    Returns:
      uint8 `[T, H, W, 3]` by expression; further samples as `<expression>_2` and so on.

    Raises:
      UserError: the run cannot be opened, it does not know an expression, the photo does not show
        such a face, or the options are not for this family.
    """
    options = options or portrait.Options()
    if _moves_photos(workdir):
        animator = _animator(workdir, weights_dir, seed, num_samples)
        wanted = portrait.order(expressions, options, animator.presets)
        return dict(portrait.animate(animator, photo, wanted, options))
    return _sample(workdir, photo, expressions, weights_dir, seed, num_samples, options)


def _moves_photos(workdir: str | os.PathLike | None) -> bool:
    if workdir is None:
        return True
    from fevgan_jax.training.check import check_config  # optax, which shipped weights need not

    config = read_config(workdir)
    check_config(config)
    return animation_model.moves_photos(importlib.import_module(config.model.name))


def _animator(
    workdir: str | os.PathLike | None, weights_dir: str | None, seed: int, num_samples: int
) -> animation_model.Animator:
    if seed or num_samples > 1:
        raise UserError("motion modes draw nothing at random: leave --seed and --samples out.")
    if workdir is None and weights_dir:
        raise UserError("the shipped weights need no frozen nets: leave --weights_dir out.")
    return animation_model.load(workdir, weights_dir)


def _sample(
    workdir: str | os.PathLike,
    photo: str | os.PathLike,
    expressions: Sequence[str],
    weights_dir: str | None,
    seed: int,
    num_samples: int,
    options: portrait.Options,
) -> dict[str, np.ndarray]:
    """Videos of a family that generates whole crops."""
    expressions = _known(workdir, expressions, options)
    config = read_config(workdir)
    data = config.data
    known = list(data.class_names)
    from fevgan_jax.training import trained  # Orbax, which shipped weights need no time for

    # A process: while dlib reads its models, for two seconds, no thread beside it may run Python.
    by_landmarks = "landmarks" in build_family(config).given
    prepare = faces.prepare_face if by_landmarks else faces.prepare_photo
    prepared = Workers(1).submit(prepare, photo, data.clip_shape[1], options.face)
    model = trained.load(workdir, weights_dir)
    videos = {
        name if number == 0 else f"{name}_{number + 1}": (name, number)
        for name in expressions
        for number in range(num_samples)
    }
    labels = np.array([known.index(name) for name, _ in videos.values()], np.int32)
    shapes = {
        "photo": jax.ShapeDtypeStruct((1, *data.clip_shape[1:]), np.uint8),
        "label": jax.ShapeDtypeStruct(labels.shape, labels.dtype),
    }
    if by_landmarks:
        shapes["photo_landmarks"] = jax.ShapeDtypeStruct((1, 68, 2), np.float32)
    sample = model.sample_once(shapes, _keys(photo, seed, videos.values()))
    face = prepared.result() if by_landmarks else {"photo": prepared.result()}
    made = sample({"label": labels} | {name: part[None] for name, part in face.items()})
    return dict(zip(videos, np.asarray(made), strict=True))


def _known(
    workdir: str | os.PathLike, expressions: Sequence[str], options: portrait.Options
) -> list[str]:
    """The expressions that a run of whole crops is asked for; all that it knows when none is named.

    Raises:
      UserError: it does not know one of them, or the options are for another family.
    """
    if dataclasses.replace(options, face="largest", fps=None) != portrait.Options():
        raise UserError(
            f"{workdir} is a run of a model of whole crops, which knows only --face and --fps of "
            "the options for moving a photo: leave the others out, or --workdir."
        )
    known = list(read_config(workdir).data.class_names)
    for name in expressions:
        if name not in known:
            raise UserError(
                f"{workdir} knows no expression {name!r}: give one of {', '.join(known)}."
            )
    return list(expressions) or known


def _keys(photo: str | os.PathLike, seed: int, named: Iterable[tuple[str, int]]) -> jax.Array:
    try:
        digest = hashlib.sha256(pathlib.Path(photo).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{photo} cannot be read ({error.strerror}); check the path.") from error
    keys = [clip_keys(seed, [f"{digest}/{name}"], number) for name, number in named]
    return jnp.concatenate(keys)


def _expressions(given: Sequence[str]) -> list[str]:
    """Each flag's value is a blend where it has weights, and else a list of expressions."""
    return [part for text in given for part in ([text] if ":" in text else text.split(","))]


def _main() -> None:
    given = {field.name: flags.FLAGS[field.name] for field in dataclasses.fields(portrait.Options)}
    options = portrait.Options(**{name: flag.value for name, flag in given.items()})
    options = dataclasses.replace(options, units=tuple(options.units))
    folder = pathlib.Path(_OUTPUT.value)
    require_folder(folder)
    make, fps, names = _maker(_expressions(_EXPRESSION.value), options)
    for given in filter(None, (_PHOTO.value, options.drive)):
        _check_is_kept(pathlib.Path(given), folder, names)

    def of_photo(photo: pathlib.Path, folder: pathlib.Path) -> None:
        for path in output.write(make(photo), folder, fps):
            print(path)

    if os.path.isdir(_PHOTO.value):
        _of_folder(pathlib.Path(_PHOTO.value), folder, of_photo)
    else:
        of_photo(pathlib.Path(_PHOTO.value), folder)


def _maker(
    expressions: Sequence[str], options: portrait.Options
) -> tuple[Callable[[pathlib.Path], _Videos], float, list[str]]:
    """What makes a photo's videos, their frames per second, and their names but for endings.

    What is asked for is read once, so that a mistake in it is told before any photo is opened.
    """
    if _moves_photos(_WORKDIR.value):
        animator = _animator(_WORKDIR.value, _WEIGHTS_DIR.value, _SEED.value, _SAMPLES.value)
        wanted = portrait.order(expressions, options, animator.presets)
        make = functools.partial(portrait.animate, animator, wanted=wanted, options=options)
        return make, wanted.fps, [*wanted.targets, *wanted.changes]
    expressions = _known(_WORKDIR.value, expressions, options)
    make = functools.partial(
        generate,
        _WORKDIR.value,
        expressions=expressions,
        weights_dir=_WEIGHTS_DIR.value,
        seed=_SEED.value,
        num_samples=_SAMPLES.value,
        options=options,
    )
    return make, options.fps or portrait.FPS, expressions


def _check_is_kept(given: pathlib.Path, folder: pathlib.Path, names: Sequence[str]) -> None:
    """Raises UserError if a file of the user's has the name of a video, which would replace it."""
    is_video = given.suffix in (".gif", ".mp4", ".webp")
    # A video of a second face or sample has a longer name.
    is_named = any(given.stem == name or given.stem.startswith(f"{name}_") for name in names)
    is_replaced = given.name == "strip.png" or (is_video and is_named)
    if is_replaced and given.resolve().parent == folder.resolve():
        raise UserError(
            f"{given} has the name of a video that would be written there: name another --output, "
            "or rename it."
        )


def _of_folder(
    folder: pathlib.Path,
    out: pathlib.Path,
    of_photo: Callable[[pathlib.Path, pathlib.Path], None],
) -> None:
    """Goes on past a photo that cannot be used, and lists those at the end."""
    if out.resolve() == folder.resolve():
        raise UserError(f"--output is the folder of the photos, {folder}: name another one.")
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not photos:
        raise UserError(f"{folder} holds no photo; give a photo, or a folder of some.")
    failed = []
    for number, photo in enumerate(photos, 1):
        logging.info("%s (%d of %d)", photo, number, len(photos))
        try:
            of_photo(photo, out / photo.name)
        except UserError as error:
            failed.append(str(error))
    if failed:
        raise UserError(
            f"{len(failed)} of {len(photos)} photos gave no video: " + " | ".join(failed)
        )


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a trained run; without it the shipped weights")
    _PHOTO = flags.DEFINE_string("photo", None, "a photo, or a folder of photos", required=True)
    _EXPRESSION = flags.DEFINE_multi_string(
        "expression",
        [],
        "one or more, as happiness,sadness, or a blend, as happiness:0.7,surprise:0.3; "
        "neutral too; all six when nothing is named",
    )
    flags.DEFINE_multi_string("units", [], "face units, as jawOpen:0.5,browInnerUp:1")
    flags.DEFINE_bool("keep", False, "keep the photo's own expression beside what is asked for")
    flags.DEFINE_string(
        "drive", None, "a clip of another person whose face, and with --head head, is followed"
    )
    flags.DEFINE_string("landmarker", None, "MediaPipe's model file, for --drive")
    flags.DEFINE_enum("frame", "photo", ["photo", "crop"], "the whole photo, or the face on black")
    flags.DEFINE_string("face", "largest", "which of several: largest, all, or a number")
    flags.DEFINE_float("strength", 1.0, "0 is the photo, 1 the expression", lower_bound=0.0)
    flags.DEFINE_bool("head", None, "move the head as well; by default only with --frame=crop")
    flags.DEFINE_float("fps", None, "frames per second (25)", 1.0, 240.0)
    flags.DEFINE_float("seconds", None, "length of the video (1.28)", lower_bound=0.1)
    flags.DEFINE_bool("loop", False, "go back to the photo")
    flags.DEFINE_integer("longest_side", 1920, "reduce larger photos to it; 0 keeps any size", 0)
    flags.DEFINE_integer("size", 256, "side of the frames of --frame=crop", 64, 2048)
    _SEED = flags.DEFINE_integer("seed", 0, "of the noise, where a family draws any", lower_bound=0)
    _SAMPLES = flags.DEFINE_integer("samples", 1, "videos of each expression", lower_bound=1)
    _OUTPUT = flags.DEFINE_string("output", None, "the folder of the videos", required=True)
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "folder of the frozen nets")
    cli.run(_main)
