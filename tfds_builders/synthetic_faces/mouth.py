"""What of an open mouth each pixel of a picture shows, known exactly from the renderer."""

import numpy as np

from fevgan_jax.tfds_builders.synthetic_faces import head, kernels, render

NEITHER, UPPER, LOWER, INSIDE = range(4)
"""Outside of the mouth, a tooth of either row, and what else is inside: tongue, gums, the dark."""


def look_into(model: head.Model, picture: render.Traced) -> tuple[np.ndarray, np.ndarray]:
    """Names what lies at each pixel's centre, and which place on which tooth.

    Args:
      model: the head.
      picture: what the picture shows of it.

    Returns:
      One of the constants above, uint8 [size, size, 1]; and the tooth's place as
      `render.Mesh.paint_at` has it, float32 [size, size, 2], 0 where there is no tooth.
    """
    n = render.SUPERSAMPLE
    drawn = picture.drawn[n // 2 :: n, n // 2 :: n]
    first, second = np.moveaxis(picture.weights[n // 2 :: n, n // 2 :: n], -1, 0)
    corners = model.mesh.triangles[drawn]  # of any triangle where nothing is drawn
    weights = np.stack([first, second, 1 - first - second], axis=-1) * (drawn >= 0)[..., None]
    cavity = (weights * model.mesh.cavity[corners]).sum(-1)
    material = np.where(drawn >= 0, model.mesh.material[corners[..., 0]], kernels.SKIN)
    seen = np.where((material == kernels.TONGUE) | (cavity > 0.5), INSIDE, NEITHER)
    lower = np.isin(corners[..., 0], model.teeth[1])
    seen = np.where(material == kernels.TEETH, np.where(lower, LOWER, UPPER), seen)
    place = np.einsum("hwk,hwkc->hwc", weights, model.mesh.paint_at[corners])
    place *= (material == kernels.TEETH)[..., None]
    return seen.astype(np.uint8)[..., None], place
