"""A small software renderer: triangles, a depth buffer, smooth shading.

It knows meshes, paint and light; nothing of subjects or expressions.
"""

import dataclasses

import cv2
import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import kernels, shading

SUPERSAMPLE = 3
"""Samples along each axis of a pixel; choice: 9 in all leave no stairs at 64 pixels.
Odd, so that one of them is the pixel's centre."""


@dataclasses.dataclass(frozen=True)
class Mesh:
    """What stays the same while a face moves; V vertices, F triangles.

    Attributes:
      triangles: int32 [F, 3], counter-clockwise seen from outside.
      material: uint8 [V], one of `kernels.SKIN`, `EYE`, `TEETH`, `TONGUE`, `FRAME`; the same
        within a triangle.
      paint_at: float32 [V, 2], where a vertex looks its colour up: (column, row) of the skin paint
        for SKIN, (right, up) in iris radii for EYE, (number of the tooth from the middle,
        decimetres from the biting edge) for TEETH, (right, near) in decimetres for TONGUE.
      lips: float32 [V], how much of a vertex is lip, in [0, 1].
      cavity: float32 [V], how much of a vertex is inside of the mouth, in [0, 1].
      neighbours: int32 [V, K], padded with the vertex itself.
    """

    triangles: np.ndarray
    material: np.ndarray
    paint_at: np.ndarray
    lips: np.ndarray
    cavity: np.ndarray
    neighbours: np.ndarray


@dataclasses.dataclass(frozen=True)
class Paint:
    """Colours and light of one subject; colours are linear, in [0, 1].

    Attributes:
      skin: float32 [H, W, 3].
      lips: float32 [3].
      iris: float32 [3].
      teeth: float32 [3].
      frame: float32 [3], of glasses.
      light: float32 [3], a unit vector towards the lamp (x right, y up, z to the camera).
      lamp: float32 [3], the lamp's colour.
      fill: float32 [3], the colour of the light from everywhere.
      gloss: strength of the highlight on skin.
    """

    skin: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    teeth: np.ndarray
    frame: np.ndarray
    light: np.ndarray
    lamp: np.ndarray
    fill: np.ndarray
    gloss: float


@dataclasses.dataclass(frozen=True)
class Traced:
    """What the camera sees, before any colour; S samples along each axis.

    Attributes:
      points: float32 [V, 3], column, row and nearness in samples.
      coverage: uint8 [S, S], how much of a sample is inside of the face's oval.
      drawn: int32 [S, S], the nearest triangle, -1 for none.
      weights: float32 [S, S, 2], the sample's weights of the triangle's first and second vertex.
    """

    points: np.ndarray
    coverage: np.ndarray
    drawn: np.ndarray
    weights: np.ndarray


def trace(mesh: Mesh, points: np.ndarray, oval: np.ndarray, size: int) -> Traced:
    """Finds what each sample of the picture shows.

    Args:
      mesh: the face.
      points: float32 [V, 3], pixel column, pixel row, and nearness in pixels (larger is nearer).
      oval: float32 [N, 2], the polygon in pixels outside of which nothing is seen.
      size: side of the square picture, in pixels of `SUPERSAMPLE` x `SUPERSAMPLE` samples.
    """
    side = size * SUPERSAMPLE
    points = (points * np.float32(SUPERSAMPLE)).astype(np.float32)
    coverage = np.zeros((side, side), np.uint8)
    corners = np.round((oval * SUPERSAMPLE - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(coverage, [corners], 255, lineType=cv2.LINE_AA, shift=4)
    return Traced(points, coverage, *kernels.rasterise(coverage, points, mesh.triangles))


def colour(mesh: Mesh, paint: Paint, traced: Traced) -> tuple[np.ndarray, np.ndarray]:
    """Draws what was traced, on black.

    Returns:
      The image, sRGB uint8 [size, size, 3], and the mask of the oval, uint8 [size, size, 1], 0 or
      255.
    """
    normals, creases = kernels.normals_and_creases(
        traced.points, mesh.triangles, mesh.neighbours, np.float32(len(traced.coverage))
    )
    linear = shading.shade(
        traced.drawn, traced.weights, normals, creases, mesh.triangles, mesh.material,
        mesh.paint_at, mesh.lips, mesh.cavity, paint.skin, paint.lips, paint.iris, paint.teeth,
        paint.frame, paint.light, paint.lamp, paint.fill, np.float32(paint.gloss),
    )  # fmt: skip
    return kernels.develop(linear, traced.coverage, SUPERSAMPLE)
