"""The colour of what a picture shows, compiled by numba for one thread.

Arguments named as in `render.Mesh` and `render.Paint` have the shapes and ranges given there. The
numbers are choices, set by looking at faces of 64 and 256 pixels.
"""

import numba
import numpy as np
from numpy import float32

from fevgan_jax.tfds_builders.synthetic_faces.kernels import EYE, FRAME, SKIN, TEETH, TONGUE

_ZERO, _ONE, _HALF = float32(0), float32(1), float32(0.5)
_TINY = float32(1e-9)


@numba.njit(cache=True, nogil=True, fastmath=True)
def shade(
    drawn, weights, normals, creases, triangles, material, paint_at, lips, cavity,
    skin, lip, iris, teeth, frame, light, lamp, fill, gloss,
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
            red = green = blue = _ZERO
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
                red = red * (1 - inside) + float32(0.06) * inside
                green = green * (1 - inside) + float32(0.010) * inside
                blue = blue * (1 - inside) + float32(0.010) * inside
                highlight = gloss * (1 - inside) * shine**24
            elif kind == EYE:
                red, green, blue = _eye(u, v, iris)
                under_lid = _ramp(v, float32(0.3), float32(1.2))
                sky *= 1 - _HALF * under_lid
                lit *= 1 - _HALF * under_lid
                highlight = _HALF * shine**80
            elif kind == TEETH:
                red, green, blue = _tooth(u, v, teeth)
                # Lips and cheeks shade the teeth, the back ones most.
                front = 1 - _ramp(abs(u), _HALF, float32(5.5))
                sky *= float32(0.15) + float32(0.75) * front
                lit = float32(0.05) + float32(0.55) * front
                highlight = float32(0.05) * shine**30
            elif kind == TONGUE:
                tip = _ramp(v, float32(0.0), float32(0.42))  # no light comes to its root
                red, green, blue = float32(0.26) * tip, float32(0.075) * tip, float32(0.07) * tip
                sky *= _HALF
                lit *= float32(0.6)
                highlight = float32(0.03) * tip * shine**20
            elif kind == FRAME:
                red, green, blue = frame[0], frame[1], frame[2]
                highlight = float32(0.25) * shine**30
            image[row, column, 0] = red * (lamp[0] * lit + fill[0] * sky) + highlight * lamp[0]
            image[row, column, 1] = green * (lamp[1] * lit + fill[1] * sky) + highlight * lamp[1]
            image[row, column, 2] = blue * (lamp[2] * lit + fill[2] * sky) + highlight * lamp[2]
    return image


@numba.njit(cache=True, nogil=True, inline="always")
def _eye(u, v, iris):
    """The colour of an eyeball, (u, v) in iris radii from the pupil."""
    out = np.sqrt(u * u + v * v)
    white = _ramp(out, float32(0.92), float32(1.08))
    black = 1 - _ramp(out, float32(0.38), float32(0.52))
    rim = _ONE - _HALF * _ramp(out, float32(0.65), _ONE)
    coloured = (1 - white) * (1 - black)
    pupil = float32(0.006) * black
    return (
        float32(0.60) * white + coloured * iris[0] * rim + pupil,
        float32(0.57) * white + coloured * iris[1] * rim + pupil,
        float32(0.54) * white + coloured * iris[2] * rim + pupil,
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _tooth(u, v, teeth):
    """The colour of a row of teeth: u counts teeth from the middle, v is decimetres to the edge."""
    across = 2 * (u - np.floor(u)) - 1
    aside = across * across
    high = v + float32(0.03) * aside - float32(0.013) * abs(u)
    gum = _ramp(high, float32(0.120), float32(0.132))
    gap = aside**4 * (1 - gum)
    past_edge = 1 - _ramp(v - float32(0.012) * aside**2, float32(-0.002), float32(0.006))
    bright = (1 - float32(0.12) * aside) * (1 - float32(0.45) * gap)
    bright *= 1 - float32(0.75) * past_edge
    return (
        bright * (teeth[0] * (1 - gum) + float32(0.40) * gum),
        bright * (teeth[1] * (1 - gum) + float32(0.13) * gum),
        bright * (teeth[2] * (1 - gum) + float32(0.12) * gum),
    )


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
