"""A small software renderer: triangles, a depth buffer, smooth shading. Compiled by numba, one thread.

It knows meshes, paint and light; nothing of subjects or expressions.
"""

import dataclasses

import cv2
import numba
import numpy as np

SUPERSAMPLE = 3  # samples along each axis of a pixel: 9 in all leave no stairs at 64 px
SKIN, EYE, TEETH, TONGUE = range(4)


@dataclasses.dataclass(frozen=True)
class Mesh:
    """What stays the same while a face moves.

    Attributes:
      triangles: int32 [F, 3], counter-clockwise seen from outside.
      material: uint8 [V], one of SKIN, EYE, TEETH, TONGUE; the same within a triangle.
      paint_at: float32 [V, 2], where a vertex looks its colour up: (column, row) of the skin paint for SKIN,
        (right, up) in iris radii for EYE.
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
      light: float32 [3], a unit vector towards the lamp (x right, y up, z to the camera).
      lamp, fill: float32 [3], colours of the lamp and of the light from everywhere.
      gloss: strength of the highlight on skin.
    """

    skin: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    teeth: np.ndarray
    light: np.ndarray
    lamp: np.ndarray
    fill: np.ndarray
    gloss: float


def render(mesh: Mesh, paint: Paint, points: np.ndarray, oval: np.ndarray, size: int):
    """Draws one face on black.

    Args:
      mesh: the face.
      paint: its colours and light.
      points: float32 [V, 3], pixel column, pixel row, and nearness in pixels (larger is nearer).
      oval: float32 [N, 2], the polygon in pixels outside of which all is black.
      size: side of the square image.

    Returns:
      uint8 [size, size, 3], uint8 [size, size, 1] (0 or 255).
    """
    side = size * SUPERSAMPLE
    points = (points * np.float32(SUPERSAMPLE)).astype(np.float32)
    coverage = np.zeros((side, side), np.uint8)
    corners = np.round((oval * SUPERSAMPLE - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(coverage, [corners], 255, lineType=cv2.LINE_AA, shift=4)
    normals, creases = _normals(points, mesh.triangles, mesh.neighbours, np.float32(side))
    linear = np.zeros((side, side, 3), np.float32)
    _draw(
        linear, coverage, points, normals, creases, mesh.triangles, mesh.material, mesh.paint_at, mesh.lips,
        mesh.cavity, paint.skin, paint.lips, paint.iris, paint.teeth, paint.light, paint.lamp, paint.fill,
        np.float32(paint.gloss),
    )  # fmt: skip
    return _develop(linear, coverage, SUPERSAMPLE)


@numba.njit(cache=True, nogil=True)
def _normals(points, triangles, neighbours, side):
    """Returns vertex normals [V, 3] (x right, y up, z near) and how deep each vertex lies in a crease [V]."""
    normals = np.zeros_like(points)
    for f in range(len(triangles)):
        a, b, c = triangles[f]
        ux, uy, uz = points[b, 0] - points[a, 0], points[a, 1] - points[b, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[a, 1] - points[c, 1], points[c, 2] - points[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            normals[i, 0] += x
            normals[i, 1] += y
            normals[i, 2] += z
    for i in range(len(points)):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + np.float32(1e-9)
        for k in range(3):
            normals[i, k] /= length
    creases = np.zeros(len(points), np.float32)
    count = neighbours.shape[1]
    for i in range(len(points)):
        x = y = z = np.float32(0)
        for k in range(count):
            j = neighbours[i, k]
            x += points[j, 0] - points[i, 0]
            y += points[i, 1] - points[j, 1]
            z += points[j, 2] - points[i, 2]
        along = (x * normals[i, 0] + y * normals[i, 1] + z * normals[i, 2]) / count
        creases[i] = along / side * np.float32(64)
    for _ in range(2):  # the mesh itself is bumpy
        rough = creases.copy()
        for i in range(len(points)):
            total = np.float32(0)
            for k in range(count):
                total += rough[neighbours[i, k]]
            creases[i] = total / count
    return normals, creases


@numba.njit(cache=True, nogil=True, fastmath=True)
def _draw(
    image, coverage, points, normals, creases, triangles, material, paint_at, lips, cavity,
    skin, lip, iris, teeth, light, lamp, fill, gloss,
):  # fmt: skip
    """Fills image [S, S, 3] with linear colour: nearest triangle first by depth, then shading."""
    side = image.shape[0]
    depth = np.full((side, side), np.float32(-1e9))
    drawn = np.full((side, side), -1, np.int32)
    weights = np.zeros((side, side, 2), np.float32)
    for f in range(len(triangles)):
        a, b, c = triangles[f]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (cx - ax) * (by - ay) - (cy - ay) * (bx - ax)  # rows grow downwards
        if area <= np.float32(1e-6):
            continue
        left = max(int(np.ceil(min(ax, bx, cx) - np.float32(0.5))), 0)
        right = min(int(np.floor(max(ax, bx, cx) - np.float32(0.5))), side - 1)
        top = max(int(np.ceil(min(ay, by, cy) - np.float32(0.5))), 0)
        bottom = min(int(np.floor(max(ay, by, cy) - np.float32(0.5))), side - 1)
        step_a, step_b = (cy - by) / area, (ay - cy) / area
        for row in range(top, bottom + 1):
            x, y = left + np.float32(0.5), row + np.float32(0.5)
            wa = ((cx - x) * (by - y) - (cy - y) * (bx - x)) / area
            wb = ((ax - x) * (cy - y) - (ay - y) * (cx - x)) / area
            for column in range(left, right + 1):
                wc = np.float32(1) - wa - wb
                if wa >= 0 and wb >= 0 and wc >= 0 and coverage[row, column] > 0:
                    near = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
                    if near > depth[row, column]:
                        depth[row, column] = near
                        drawn[row, column] = f
                        weights[row, column, 0] = wa
                        weights[row, column, 1] = wb
                wa += step_a
                wb += step_b
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
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-9)
            nx, ny, nz = nx / length, ny / length, nz / length
            u = wa * paint_at[a, 0] + wb * paint_at[b, 0] + wc * paint_at[c, 0]
            v = wa * paint_at[a, 1] + wb * paint_at[b, 1] + wc * paint_at[c, 1]
            facing = nx * light[0] + ny * light[1] + nz * light[2]
            lit = max((facing + np.float32(0.25)) / np.float32(1.25), np.float32(0))
            sky = np.float32(0.75) + np.float32(0.25) * ny
            shine = max(nx * hx + ny * hy + nz * hz, np.float32(0))
            kind = material[a]
            highlight = np.float32(0)
            red, green, blue = teeth[0], teeth[1], teeth[2]
            if kind == 0:
                red, green, blue = _look_up(skin, u, v)
                crease = wa * creases[a] + wb * creases[b] + wc * creases[c]
                shade = min(max(1 - np.float32(1.5) * crease, np.float32(0.5)), np.float32(1.1))
                sky *= shade
                lit *= shade
                on_lip = wa * lips[a] + wb * lips[b] + wc * lips[c]
                red += on_lip * (lip[0] - red)
                green += on_lip * (lip[1] - green)
                blue += on_lip * (lip[2] - blue)
                inside = wa * cavity[a] + wb * cavity[b] + wc * cavity[c]
                red = red * (1 - inside) + np.float32(0.10) * inside
                green = green * (1 - inside) + np.float32(0.015) * inside
                blue = blue * (1 - inside) + np.float32(0.015) * inside
                highlight = gloss * (1 - inside) * shine**24
            elif kind == 1:
                out = np.sqrt(u * u + v * v)
                white = _ramp(out, np.float32(0.92), np.float32(1.08))
                black = 1 - _ramp(out, np.float32(0.38), np.float32(0.52))
                rim = np.float32(1) - np.float32(0.5) * _ramp(out, np.float32(0.65), np.float32(1.0))
                red = np.float32(0.60) * white + (1 - white) * (1 - black) * iris[0] * rim
                green = np.float32(0.57) * white + (1 - white) * (1 - black) * iris[1] * rim
                blue = np.float32(0.54) * white + (1 - white) * (1 - black) * iris[2] * rim
                under_lid = _ramp(v, np.float32(0.3), np.float32(1.2))
                sky *= 1 - np.float32(0.5) * under_lid
                lit *= 1 - np.float32(0.5) * under_lid
                highlight = np.float32(0.5) * shine**80
            elif kind == 2:
                sky *= np.float32(0.4) + np.float32(0.6) * max(nz, np.float32(0))
                lit = np.float32(0.7) * max(nz, np.float32(0))
            elif kind == 3:
                red, green, blue = np.float32(0.20), np.float32(0.045), np.float32(0.04)
            image[row, column, 0] = red * (lamp[0] * lit + fill[0] * sky) + highlight * lamp[0]
            image[row, column, 1] = green * (lamp[1] * lit + fill[1] * sky) + highlight * lamp[1]
            image[row, column, 2] = blue * (lamp[2] * lit + fill[2] * sky) + highlight * lamp[2]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _develop(linear, coverage, n):
    """Averages n x n samples to pixels, in linear light, and returns image and mask as uint8."""
    size = len(coverage) // n
    image = np.zeros((size, size, 3), np.uint8)
    mask = np.zeros((size, size, 1), np.uint8)
    for row in range(size):
        for column in range(size):
            covered = red = green = blue = np.float32(0)
            for i in range(row * n, row * n + n):
                for j in range(column * n, column * n + n):
                    cover = coverage[i, j] / np.float32(255 * n * n)
                    covered += cover
                    red += cover * linear[i, j, 0]
                    green += cover * linear[i, j, 1]
                    blue += cover * linear[i, j, 2]
            if covered > 0:
                image[row, column, 0] = np.uint8(255 * min(red, np.float32(1)) ** np.float32(1 / 2.2) + 0.5)
                image[row, column, 1] = np.uint8(255 * min(green, np.float32(1)) ** np.float32(1 / 2.2) + 0.5)
                image[row, column, 2] = np.uint8(255 * min(blue, np.float32(1)) ** np.float32(1 / 2.2) + 0.5)
                mask[row, column, 0] = 255 if covered >= 0.5 else 0
    return image, mask


@numba.njit(cache=True, nogil=True, inline="always")
def _ramp(value, low, high):
    t = min(max((value - low) / (high - low), np.float32(0)), np.float32(1))
    return t * t * (3 - 2 * t)


@numba.njit(cache=True, nogil=True, inline="always")
def _look_up(picture, u, v):
    """Bilinear colour of picture [H, W, 3] at column u, row v."""
    u = min(max(u, np.float32(0)), np.float32(picture.shape[1] - 1.001))
    v = min(max(v, np.float32(0)), np.float32(picture.shape[0] - 1.001))
    column, row = int(u), int(v)
    right, down = u - column, v - row
    top_left, top_right = (1 - right) * (1 - down), right * (1 - down)
    low_left, low_right = (1 - right) * down, right * down
    red = green = blue = np.float32(0)
    for i, j, share in (
        (row, column, top_left), (row, column + 1, top_right), (row + 1, column, low_left), (row + 1, column + 1, low_right)
    ):  # fmt: skip
        red += share * picture[i, j, 0]
        green += share * picture[i, j, 1]
        blue += share * picture[i, j, 2]
    return red, green, blue
