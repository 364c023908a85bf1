"""Where each pixel of one picture of a face is in another, known exactly from the renderer."""

import numba
import numpy as np
from numpy import float32

from fevgan_jax.tfds_builders.synthetic_faces import render

_SLACK = 0.004
"""How much nearer, in shares of the image, another surface must be to hide a point; choice: more
than nearness changes over a sample on all but grazing skin, less than an eyelid's thickness."""


def backward(
    mesh: render.Mesh, picture: render.Traced, photo: render.Traced
) -> tuple[np.ndarray, np.ndarray]:
    """Follows the surface at each pixel's centre from a picture back to a photo of the same mesh.

    Args:
      mesh: the face.
      picture: what the picture shows.
      photo: what the photo shows, at the same size.

    Returns:
      The flow float32 [size, size, 2], from a pixel of the picture to its place in the photo (x
      right, y down), as shares of the image's side; and where that place shows the same point,
      uint8 [size, size, 1], 255 or, where the photo hides it, 0. Both are 0 where the picture shows
      no face.
    """
    flow, visible = _backward(
        picture.drawn, picture.weights, photo.points, photo.drawn, photo.weights, mesh.triangles,
        mesh.material, render.SUPERSAMPLE, float32(_SLACK * len(photo.drawn)),
    )  # fmt: skip
    return flow, visible


@numba.njit(cache=True, nogil=True)
def _backward(drawn, weights, points, photo_drawn, photo_weights, triangles, material, n, slack):
    side = len(drawn)
    size = side // n
    flow = np.zeros((size, size, 2), float32)
    visible = np.zeros((size, size, 1), np.uint8)
    for row in range(size):
        for column in range(size):
            i, j = row * n + n // 2, column * n + n // 2
            f = drawn[i, j]
            if f < 0:
                continue
            x, y, near = _on_triangle(points, triangles[f], weights[i, j])
            flow[row, column, 0] = (x - (j + float32(0.5))) / side
            flow[row, column, 1] = (y - (i + float32(0.5))) / side
            if not _faces_camera(points, triangles[f]):
                continue
            u, v = int(np.floor(x)), int(np.floor(y))
            if not (0 <= u < side and 0 <= v < side) or photo_drawn[v, u] < 0:
                continue
            # Beside an edge the nearest sample may lie on another surface than the point itself.
            for k in range(max(v - 1, 0), min(v + 2, side)):
                for m in range(max(u - 1, 0), min(u + 2, side)):
                    g = photo_drawn[k, m]
                    if g < 0 or material[triangles[g, 0]] != material[triangles[f, 0]]:
                        continue
                    front = _on_triangle(points, triangles[g], photo_weights[k, m])[2]
                    if near >= front - slack:
                        visible[row, column, 0] = 255
    return flow, visible


@numba.njit(cache=True, nogil=True, inline="always")
def _on_triangle(points, corners, weights):
    a, b, c = corners
    wa, wb = weights
    wc = float32(1) - wa - wb
    return (
        wa * points[a, 0] + wb * points[b, 0] + wc * points[c, 0],
        wa * points[a, 1] + wb * points[b, 1] + wc * points[c, 1],
        wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2],
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _faces_camera(points, corners):
    a, b, c = corners
    ux, uy = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    vx, vy = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1]
    return vx * uy - vy * ux > 0  # rows grow downwards
