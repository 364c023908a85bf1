"""The renderer's inner loops, compiled by numba for one thread: normals, depth buffer, averaging.

Arguments named as in `render.Mesh` have the shapes and ranges given there.
"""

import numba
import numpy as np
from numpy import float32

SKIN, EYE, TEETH, TONGUE, FRAME = range(5)
"""Materials; FRAME is that of glasses."""
_ZERO, _ONE, _HALF = float32(0), float32(1), float32(0.5)
_TINY = float32(1e-9)
_GAMMA = float32(1 / 2.2)


@numba.njit(cache=True, nogil=True)
def normals_and_creases(points, triangles, neighbours, side):
    """Finds where each vertex faces and how deep it lies in a crease.

    Args:
      points: float32 [V, 3] in samples, see `render.Traced`.
      triangles: int32 [F, 3].
      neighbours: int32 [V, K].
      side: float32, samples along the image: creases do not depend on the size.

    Returns:
      Normals float32 [V, 3] (x right, y up, z near; unit length) and creases float32 [V], positive
      in a fold and negative on a ridge.
    """
    normals = np.zeros_like(points)
    for f in range(len(triangles)):
        a, b, c = triangles[f]
        ux, uy = points[b, 0] - points[a, 0], points[a, 1] - points[b, 1]
        vx, vy = points[c, 0] - points[a, 0], points[a, 1] - points[c, 1]
        uz, vz = points[b, 2] - points[a, 2], points[c, 2] - points[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += x
            normals[i, 1] += y
            normals[i, 2] += z
    for i in range(len(points)):
        x, y, z = normals[i]
        length = np.sqrt(x**2 + y**2 + z**2) + _TINY
        for k in range(3):
            normals[i, k] /= length
    creases = np.zeros(len(points), float32)
    count = neighbours.shape[1]
    for i in range(len(points)):
        x = y = z = _ZERO
        for k in range(count):
            j = neighbours[i, k]
            x += points[j, 0] - points[i, 0]
            y += points[i, 1] - points[j, 1]
            z += points[j, 2] - points[i, 2]
        along = (x * normals[i, 0] + y * normals[i, 1] + z * normals[i, 2]) / count
        creases[i] = along / side * float32(64)
    for _ in range(2):  # the mesh itself is bumpy
        rough = creases.copy()
        for i in range(len(points)):
            total = _ZERO
            for k in range(count):
                total += rough[neighbours[i, k]]
            creases[i] = total / count
    return normals, creases


@numba.njit(cache=True, nogil=True, fastmath=True)
def rasterise(coverage, points, triangles):
    """Finds the nearest triangle of every sample that the face's oval covers.

    Args:
      coverage: uint8 [S, S], 0 where nothing is drawn.
      points: float32 [V, 3] in samples.
      triangles: int32 [F, 3].

    Returns:
      The triangle int32 [S, S], -1 for none, and the sample's weights of its first and second
      vertex, float32 [S, S, 2].
    """
    side = len(coverage)
    depth = np.full((side, side), float32(-1e9))
    drawn = np.full((side, side), -1, np.int32)
    weights = np.zeros((side, side, 2), float32)
    for f in range(len(triangles)):
        a, b, c = triangles[f]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)  # rows grow downwards
        if area <= float32(1e-6):
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - _HALF)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - _HALF)), side - 1)
        top = max(int(np.ceil(min(ay, by, cy) - _HALF)), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - _HALF)), side - 1)
        step_a, step_b = (cy - by) / area, (ay - cy) / area
        for row in range(top, bottom + 1):
            x, y = left + _HALF, row + _HALF
            wa = ((cx - x) * (by - y) - (cy - y) * (bx - x)) / area
            wb = ((ax - x) * (cy - y) - (ay - y) * (cx - x)) / area
            for column in range(left, right + 1):
                wc = _ONE - wa - wb
                if wa >= 0 and wb >= 0 and wc >= 0 and coverage[row, column] > 0:
                    near = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
                    if near > depth[row, column]:
                        depth[row, column] = near
                        drawn[row, column] = f
                        weights[row, column, 0] = wa
                        weights[row, column, 1] = wb
                wa += step_a
                wb += step_b
    return drawn, weights


@numba.njit(cache=True, nogil=True, fastmath=True)
def develop(linear, coverage, n):
    """Averages n x n samples to a pixel, in linear light, where averaging is what an eye does.

    Args:
      linear: float32 [S, S, 3].
      coverage: uint8 [S, S], how much of a sample is inside of the oval.
      n: samples along each axis of a pixel.

    Returns:
      The image, sRGB uint8 [S/n, S/n, 3], and the mask, uint8 [S/n, S/n, 1], 255 where at least
      half of a pixel is inside of the oval.
    """
    size = len(coverage) // n
    image = np.zeros((size, size, 3), np.uint8)
    mask = np.zeros((size, size, 1), np.uint8)
    for row in range(size):
        for column in range(size):
            covered = red = green = blue = _ZERO
            for i in range(row * n, row * n + n):
                for j in range(column * n, column * n + n):
                    cover = coverage[i, j] / float32(255 * n * n)
                    covered += cover
                    red += cover * linear[i, j, 0]
                    green += cover * linear[i, j, 1]
                    blue += cover * linear[i, j, 2]
            if covered > 0:
                image[row, column, 0] = np.uint8(255 * min(red, _ONE) ** _GAMMA + 0.5)
                image[row, column, 1] = np.uint8(255 * min(green, _ONE) ** _GAMMA + 0.5)
                image[row, column, 2] = np.uint8(255 * min(blue, _ONE) ** _GAMMA + 0.5)
                mask[row, column, 0] = 255 if covered >= 0.5 else 0
    return image, mask
