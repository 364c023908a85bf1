"""The renderer's inner loops, compiled by numba for one thread: depth buffer, shading, averaging.

Arguments named as in `render.Mesh` and `render.Paint` have the shapes and ranges given there. The
numbers of the shading are choices, set by looking at faces of 64 and 256 pixels.
"""

import numba
import numpy as np
from numpy import float32

SKIN, EYE, TEETH, TONGUE = range(4)
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
def shade(
    drawn, weights, normals, creases, triangles, material, paint_at, lips, cavity,
    skin, lip, iris, teeth, light, lamp, fill, gloss,
):  # fmt: skip
    """Returns the colour of every sample that shows a triangle: linear, float32 [S, S, 3]."""
    side = len(drawn)
    image = np.zeros((side, side, 3), float32)
    # Halfway between lamp and camera, for the highlight.
    hx, hy, hz = light[0], light[1], light[2] + 1
    length = np.sqrt(hx * hx + hy * hy + hz * hz)
    hx, hy, hz = hx / length, hy / length, hz / length
    for row in range(side):
        for column in range(side):
            f = drawn[row, column]
            if f < 0:
                continue
            a, b, c = triangles[f]
            wa, wb = weights[row, column]
            wc = 1 - wa - wb
            nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
            ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
            nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + _TINY
            nx, ny, nz = nx / length, ny / length, nz / length
            u = wa * paint_at[a, 0] + wb * paint_at[b, 0] + wc * paint_at[c, 0]
            v = wa * paint_at[a, 1] + wb * paint_at[b, 1] + wc * paint_at[c, 1]
            facing = nx * light[0] + ny * light[1] + nz * light[2]
            lit = max((facing + float32(0.25)) / float32(1.25), _ZERO)  # skin lets light around
            sky = float32(0.75) + float32(0.25) * ny
            shine = max(nx * hx + ny * hy + nz * hz, _ZERO)
            kind = material[a]
            highlight = _ZERO
            red, green, blue = teeth[0], teeth[1], teeth[2]
            if kind == SKIN:
                red, green, blue = _look_up(skin, u, v)
                crease = wa * creases[a] + wb * creases[b] + wc * creases[c]
                shadow = min(max(1 - float32(1.5) * crease, _HALF), float32(1.1))
                sky *= shadow
                lit *= shadow
                on_lip = wa * lips[a] + wb * lips[b] + wc * lips[c]
                red += on_lip * (lip[0] - red)
                green += on_lip * (lip[1] - green)
                blue += on_lip * (lip[2] - blue)
                inside = wa * cavity[a] + wb * cavity[b] + wc * cavity[c]
                red = red * (1 - inside) + float32(0.10) * inside
                green = green * (1 - inside) + float32(0.015) * inside
                blue = blue * (1 - inside) + float32(0.015) * inside
                highlight = gloss * (1 - inside) * shine**24
            elif kind == EYE:
                out = np.sqrt(u * u + v * v)
                white = _ramp(out, float32(0.92), float32(1.08))
                black = 1 - _ramp(out, float32(0.38), float32(0.52))
                rim = _ONE - _HALF * _ramp(out, float32(0.65), _ONE)
                coloured = (1 - white) * (1 - black)
                red = float32(0.60) * white + coloured * iris[0] * rim
                green = float32(0.57) * white + coloured * iris[1] * rim
                blue = float32(0.54) * white + coloured * iris[2] * rim
                under_lid = _ramp(v, float32(0.3), float32(1.2))
                sky *= 1 - _HALF * under_lid
                lit *= 1 - _HALF * under_lid
                highlight = _HALF * shine**80
            elif kind == TEETH:
                # Lips and cheeks shade teeth that do not face the camera.
                sky *= float32(0.4) + float32(0.6) * max(nz, _ZERO)
                lit = float32(0.7) * max(nz, _ZERO)
            elif kind == TONGUE:
                red, green, blue = float32(0.20), float32(0.045), float32(0.04)
            image[row, column, 0] = red * (lamp[0] * lit + fill[0] * sky) + highlight * lamp[0]
            image[row, column, 1] = green * (lamp[1] * lit + fill[1] * sky) + highlight * lamp[1]
            image[row, column, 2] = blue * (lamp[2] * lit + fill[2] * sky) + highlight * lamp[2]
    return image


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


@numba.njit(cache=True, nogil=True, inline="always")
def _ramp(value, low, high):
    t = min(max((value - low) / (high - low), _ZERO), _ONE)
    return t * t * (3 - 2 * t)


@numba.njit(cache=True, nogil=True, inline="always")
def _look_up(picture, u, v):
    """Returns the bilinear colour of picture [H, W, 3] at column u, row v."""
    u = min(max(u, _ZERO), float32(picture.shape[1] - 1.001))
    v = min(max(v, _ZERO), float32(picture.shape[0] - 1.001))
    column, row = int(u), int(v)
    right, down = u - column, v - row
    red = green = blue = _ZERO
    for i, j, share in (
        (row, column, (1 - right) * (1 - down)),
        (row, column + 1, right * (1 - down)),
        (row + 1, column, (1 - right) * down),
        (row + 1, column + 1, right * down),
    ):
        red += share * picture[i, j, 0]
        green += share * picture[i, j, 1]
        blue += share * picture[i, j, 2]
    return red, green, blue
