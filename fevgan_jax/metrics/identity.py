"""Measures whether a video keeps the person's identity, by distances between embeddings.

Pure functions that can be jitted, on embeddings from a recogniser that the loss did not optimise.
"""

import jax
import jax.numpy as jnp
import numpy as np


def _distance(first: jax.Array, second: jax.Array, squared: bool) -> jax.Array:
    square = jnp.square(first - second).sum(-1)
    return square if squared else jnp.sqrt(square)


def acd(embeddings: jax.Array, pairs: str = "consecutive", squared: bool = False) -> jax.Array:
    """Average content distance: the drift of the identity within a clip.

    Args:
      embeddings: `[B, T, D]`, one embedding per frame, T at least 2.
      pairs: "consecutive" frames (the paper's words) or "all" pairs of frames (MoCoGAN's).
      squared: Squared L2 distance instead of L2 (choice: L2 is the headline; the literature has
        both).

    Returns:
      `[B]`, 0 or more: the mean distance over the pairs.

    Raises:
      ValueError: `pairs` is neither of the two.
    """
    match pairs:
        case "consecutive":
            first, second = embeddings[:, :-1], embeddings[:, 1:]
        case "all":
            earlier, later = np.triu_indices(embeddings.shape[1], k=1)
            first, second = embeddings[:, earlier], embeddings[:, later]
        case _:
            raise ValueError(f'pairs must be "consecutive" or "all", got "{pairs}".')
    return _distance(first, second, squared).mean(1)


def acd_i(embeddings: jax.Array, image_embedding: jax.Array, squared: bool = False) -> jax.Array:
    """ACD-I: the distance of the clip's identity from the input image's.

    Args:
      embeddings: `[B, T, D]`, one embedding per frame.
      image_embedding: `[B, D]`, the neutral input's.
      squared: Squared L2 distance instead of L2.

    Returns:
      `[B]`, 0 or more: the mean distance over the frames.
    """
    return _distance(embeddings, image_embedding[:, None], squared).mean(1)


def retrieval(query: jax.Array, gallery: jax.Array, truth: jax.Array) -> jax.Array:
    """Share of generated faces that are recognised among all the people of a gallery.

    A distance alone does not tell whether 0.3 is close; this counts nearest neighbours.

    Args:
      query: `[N, D]`, such as the embedding of each clip's last frame.
      gallery: `[M, D]`, one embedding per person.
      truth: `[N]` int, the gallery row of each query's person.

    Returns:
      A scalar in [0, 1]; chance is 1 / M.
    """
    # |q - g|^2 without |q|^2, which changes no minimum: [N, M] instead of [N, M, D].
    product = jnp.matmul(query, gallery.T, precision="highest")
    nearest = jnp.argmin(jnp.square(gallery).sum(-1) - 2 * product, axis=-1)
    return (nearest == truth).mean()
