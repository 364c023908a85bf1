"""Windows of the clips of a batch."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

TIMED = ("video", "mask", "landmarks", "source_frames")
"""The features of a clip that have one entry per frame, along axis 1 of a batch."""


def length(shapes: Mapping[str, Sequence[int]]) -> int:
    """How many frames an example's clip has, by its features' shapes; 0 where it is no clip."""
    if not {"video", "landmarks"} & shapes.keys():
        return 0  # a single picture has a mask too
    return min(shape[0] or 0 for name, shape in shapes.items() if name in TIMED)


def window(
    batch: dict[str, jax.Array], num_frames: int, keys: jax.Array | None = None
) -> dict[str, jax.Array]:
    """Cuts every clip to a window of consecutive frames.

    Args:
      batch: features `[B, ...]`; those in `TIMED` are cut to the same frames.
      num_frames: length of the window.
      keys: PRNG keys `[B]` to draw where each window starts; None starts all at the first frame.

    Returns:
      The batch with `num_frames` frames per clip.
    """
    timed = {name: batch[name] for name in TIMED if name in batch}
    if keys is None:
        return batch | {name: array[:, :num_frames] for name, array in timed.items()}
    last = next(iter(timed.values())).shape[1] - num_frames
    starts = jax.vmap(lambda key: jax.random.randint(key, (), 0, last + 1))(keys)
    rows = jnp.arange(len(starts))[:, None]
    frames = starts[:, None] + jnp.arange(num_frames)
    return batch | {name: array[rows, frames] for name, array in timed.items()}
