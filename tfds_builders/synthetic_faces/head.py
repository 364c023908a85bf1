"""The head model: its arrays, and the head and landmarks of one subject."""

import dataclasses
import functools
import pathlib

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import glasses, kernels, render

_LANDMARKS = {
    0: (-0.67, 0.36), 1: (-0.66, 0.17), 2: (-0.645, 0.0), 3: (-0.615, -0.16), 4: (-0.56, -0.32),
    5: (-0.48, -0.46), 6: (-0.37, -0.58), 7: (-0.20, -0.68), 8: (0.0, -0.72),
    17: (-0.55, 0.42), 18: (-0.47, 0.485), 19: (-0.37, 0.51), 20: (-0.26, 0.50), 21: (-0.15, 0.45),
    27: (0.0, 0.36), 28: (0.0, 0.22), 29: (0.0, 0.08), 30: (0.0, -0.04),
    31: (-0.13, -0.07), 32: (-0.07, -0.09), 33: (0.0, -0.105),
    36: (-0.43, 0.345), 37: (-0.36, 0.39), 38: (-0.26, 0.39), 39: (-0.165, 0.325),
    40: (-0.25, 0.295), 41: (-0.35, 0.295),
    48: (-0.225, -0.32), 49: (-0.15, -0.255), 50: (-0.07, -0.225), 51: (0.0, -0.23),
    57: (0.0, -0.44), 58: (-0.07, -0.43), 59: (-0.13, -0.40),
    60: (-0.20, -0.32), 61: (-0.08, -0.308), 62: (0.0, -0.31), 66: (0.0, -0.325),
    67: (-0.08, -0.32),
}  # fmt: skip
"""Where the 68 landmarks (iBUG order) lie on the average head in (x, y), front view: the subject's
right half and the middle; `_MIRROR` gives each landmark's partner in the other half."""
_MIRROR = {
    **{i: 16 - i for i in range(17)},
    **{i: 43 - i for i in range(17, 27)},
    **{i: i for i in range(27, 31)},
    **{i: 66 - i for i in range(31, 36)},
    **{i: 81 - i for i in range(36, 40)},
    **{i: 87 - i for i in range(40, 42)},
    **{i: 102 - i for i in range(48, 55)},
    **{i: 114 - i for i in range(55, 60)},
    **{i: 124 - i for i in range(60, 65)},
    **{i: 132 - i for i in range(65, 68)},
}
_LOWER_LIP = (*range(55, 60), *range(65, 68))
_FOREHEAD = (0.0, 0.89)
"""Where the face oval ends; choice: just under most hairlines."""

PAINT_SCALE = 120
"""Pixels of skin paint to a decimetre; choice: sharp in frames of up to some 200 pixels."""
PAINT_LEFT, PAINT_TOP, PAINT_WIDTH, PAINT_HEIGHT = -0.8, 1.4, 1.6, 2.4
"""The frame of the skin paint on the average head, front view, in decimetres."""
_IRIS_RADIUS = 0.062
_TOOTH_WIDTH, _ARCH_DEPTH = 0.078, 0.05
"""Width of a tooth, and how far in front of the origin the middle of the teeth's arch lies, in
decimetres: choices, set by looking."""

_NO_SHAPES = (
    "head-trans", "head-back", "head-age", "head-angle", "l-eye-push", "l-eye-trans",
    "eyebrows-trans-forward", "eyebrows-angle", "mouth-angles",
)  # fmt: skip
"""Directions of shape that the crop undoes, or that would look ill: they stay at 0."""


@dataclasses.dataclass(frozen=True)
class Model:
    """The arrays of head.npz and what follows from them.

    There are V vertices (right, up, near) in decimetres; the origin is behind the nose.

    Attributes:
      average: float32 [V, 3], the average young head.
      macros: float32 [race 3, gender 2, age 2, V, 3], offsets from the base head.
      base: float32 [V, 3], the base head.
      shape_names: names of the D directions of shape.
      shapes: float32 [D, 2, V, 3], what each direction does at -1 and at +1.
      unit_names: names of the 52 ARKit face units, in the order of `units`.
      units: float32 [52, V, 3], what each face unit does at 1.
      mesh: what the renderer needs.
      skin: vertex ids of what is neither eye nor mouth nor glasses.
      frame: vertex ids of glasses.
      eyes: vertex ids of the eyeballs, the subject's right one first.
      lids: vertex ids of the skin around each.
      teeth: vertex ids of the upper and the lower row.
      landmarks: int [68], a vertex each, iBUG order.
      forehead: the vertex where the face oval ends.
    """

    average: np.ndarray
    macros: np.ndarray
    base: np.ndarray
    shape_names: tuple[str, ...]
    shapes: np.ndarray
    unit_names: tuple[str, ...]
    units: np.ndarray
    mesh: render.Mesh
    skin: np.ndarray
    frame: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]
    lids: tuple[np.ndarray, np.ndarray]
    teeth: tuple[np.ndarray, np.ndarray]
    landmarks: np.ndarray
    forehead: int


@functools.cache
def load() -> Model:
    """Returns the head model that lies beside this file."""
    with np.load(pathlib.Path(__file__).with_name("head.npz")) as arrays:
        arrays = _with_glasses({name: arrays[name] for name in arrays.files})
    base = arrays["vertices"]
    macros = arrays["macros"].astype(np.float32)
    average = base + macros[:, :, 0].mean(axis=(0, 1))
    units = arrays["units"].astype(np.float32)
    unit_names = tuple(arrays["unit_names"].tolist())
    material, triangles = arrays["material"], arrays["triangles"].astype(np.int32)
    eyes = tuple(
        np.flatnonzero((material == kernels.EYE) & (average[:, 0] * side > 0)) for side in (-1, 1)
    )

    paint_at = (average[:, :2] - [PAINT_LEFT, PAINT_TOP]) * [PAINT_SCALE, -PAINT_SCALE]
    lids = []
    for eye in eyes:
        centre = (average[eye].min(axis=0) + average[eye].max(axis=0)) / 2
        paint_at[eye] = (average[eye] - centre)[:, :2] / _IRIS_RADIUS
        distance = np.linalg.norm(average - centre, axis=1)
        lids.append(np.flatnonzero((material == kernels.SKIN) & (distance < 0.25)))
        behind = average[eye, 2] < centre[2]
        paint_at[eye[behind]] *= 10  # no second iris at the back
    opened = units[unit_names.index("jawOpen")]
    teeth = tuple(
        np.flatnonzero((material == kernels.TEETH) & (opened.any(axis=1) == with_jaw))
        for with_jaw in (False, True)
    )
    _place_teeth(paint_at, average, teeth)
    tongue = material == kernels.TONGUE
    paint_at[tongue] = average[tongue][:, [0, 2]]
    lips, cavity = arrays["regions"].astype(np.float32).T
    mesh = render.Mesh(
        triangles=triangles,
        material=material,
        paint_at=paint_at.astype(np.float32),
        lips=np.ascontiguousarray(lips * (1 - cavity)),
        cavity=np.ascontiguousarray(cavity),
        neighbours=_neighbours(triangles, len(base)),
    )
    skin = (material == kernels.SKIN) & (average[:, 2] > 0.1) & (cavity < 0.5)
    lower = opened[:, 1] < -0.1
    landmarks = np.zeros(68, int)
    for i, (x, y) in _LANDMARKS.items():
        for j, place in {i: (x, y), _MIRROR[i]: (-x, y)}.items():
            allowed = skin & (lower == (j in _LOWER_LIP)) if j >= 48 else skin
            landmarks[j] = _nearest(average, allowed, place)
    return Model(
        average=average,
        macros=macros,
        base=base,
        shape_names=tuple(arrays["shape_names"].tolist()),
        shapes=arrays["shapes"].astype(np.float32),
        unit_names=unit_names,
        units=units,
        mesh=mesh,
        skin=np.flatnonzero(skin),
        frame=np.flatnonzero(material == kernels.FRAME),
        eyes=eyes,
        lids=tuple(lids),
        teeth=teeth,
        landmarks=landmarks,
        forehead=_nearest(average, skin, _FOREHEAD),
    )


def _with_glasses(arrays):
    """Adds the vertices of glasses, all in one point, to the arrays of head.npz."""
    count = len(arrays["vertices"])
    more = (0, glasses.NUM_VERTICES)
    for name in ("vertices", "macros", "shapes", "units"):
        none = (0, 0)
        room = [none] * (arrays[name].ndim - 2) + [more, none]
        arrays[name] = np.pad(arrays[name], room)
    arrays["regions"] = np.pad(arrays["regions"], [more, (0, 0)])
    arrays["material"] = np.pad(arrays["material"], more, constant_values=kernels.FRAME)
    arrays["triangles"] = np.concatenate([arrays["triangles"], glasses.triangles() + count])
    return arrays


def _place_teeth(paint_at, average, rows):
    """Sets where vertices of teeth look their colour up, see `render.Mesh`."""
    for row, lower in zip(rows, (False, True), strict=True):
        right, up, near = average[row].T
        around = np.arctan2(right, near - _ARCH_DEPTH)
        paint_at[row, 0] = around * (near.max() - _ARCH_DEPTH) / _TOOTH_WIDTH
        paint_at[row, 1] = up.max() - up if lower else up - up.min()


def paint_places() -> tuple[np.ndarray, np.ndarray]:
    """Returns where each pixel of the skin paint lies: right and up, each [H, W], decimetres."""
    columns = np.arange(int(PAINT_WIDTH * PAINT_SCALE)) / PAINT_SCALE + PAINT_LEFT
    rows = PAINT_TOP - np.arange(int(PAINT_HEIGHT * PAINT_SCALE)) / PAINT_SCALE
    return np.meshgrid(columns, rows)


def _nearest(vertices, allowed, place):
    """Returns which of the allowed vertices lies at a place of the front view, the front one."""
    distance = np.hypot(vertices[:, 0] - place[0], vertices[:, 1] - place[1])
    distance = distance - 0.05 * vertices[:, 2]
    return np.argmin(np.where(allowed, distance, np.inf))


def _neighbours(triangles, size):
    """Returns the neighbours of each vertex, int32 [size, K], padded with the vertex itself."""
    pairs = np.concatenate([triangles[:, [i, j]] for i in range(3) for j in range(3) if i != j])
    pairs = np.unique(pairs, axis=0)
    counts = np.bincount(pairs[:, 0], minlength=size)
    table = np.repeat(np.arange(size, dtype=np.int32)[:, None], counts.max(), axis=1)
    place = np.arange(len(pairs)) - (np.cumsum(counts) - counts)[pairs[:, 0]]
    table[pairs[:, 0], place] = pairs[:, 1]
    return table


_TEETH_PLACES = np.array([[0, -0.02, -0.06], [0, -0.05, -0.06]])
"""Upper and lower teeth are narrowed and moved by this: MakeHuman's pierce cheeks and pressed lips,
the upper row hides behind the lip when the mouth opens and the lower one shows at its corners."""


def neutral(
    model: Model, race: np.ndarray, gender: float, age: float, shape: dict[str, float]
) -> np.ndarray:
    """Returns the neutral head of a person, in decimetres, float32 [V, 3].

    Args:
      model: the head model.
      race: weights [3] of MakeHuman's African, Asian and Caucasian corners, sum 1.
      gender: 0 (female) to 1 (male).
      age: 0 (young) to 1 (old).
      shape: name of a direction -> how far, in [-1, 1].
    """
    corners = (
        race[:, None, None] * np.array([1 - gender, gender])[:, None] * np.array([1 - age, age])
    )
    head = model.base + np.einsum("rga,rgavc->vc", corners.astype(np.float32), model.macros)
    for name, amount in shape.items():
        low, high = model.shapes[model.shape_names.index(name)]
        head += abs(amount) * (high if amount > 0 else low)
    for row, place in zip(model.teeth, _TEETH_PLACES, strict=True):
        head[row] = head[row] * [0.88, 1, 1] + place
    return head.astype(np.float32)


def displacement(model: Model, amounts: np.ndarray) -> np.ndarray:
    """Returns how far face units move each vertex, in decimetres, float32 [V, 3].

    Args:
      model: the head model.
      amounts: [52], how far each unit goes, near [0, 1].
    """
    moved = np.zeros_like(model.base)
    for unit in np.flatnonzero(amounts):  # most are 0
        moved += np.float32(amounts[unit]) * model.units[unit]
    return moved


def free_directions(model: Model) -> list[str]:
    """Names of the directions in which subjects differ."""
    return [name for name in model.shape_names if not name.startswith(_NO_SHAPES)]


def reach(model: Model, names: list[str]) -> np.ndarray:
    """Returns how far each of the named directions may go, [len(names)], in [0, 1].

    Choice: 5 mm for what moves the whole head or the mouth, or heads become boxes; 9 mm otherwise,
    or vertices go astray.
    """
    moves = np.array([abs(model.shapes[model.shape_names.index(name)]).max() for name in names])
    whole_head = np.array([name.startswith(("head", "forehead")) for name in names])
    mouth = np.array([name.startswith("mouth") for name in names])
    return np.minimum(1, np.where(whole_head | mouth, 0.05, 0.09) / moves)
