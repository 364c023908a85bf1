"""The features that every builder yields."""

from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds


def of_clips(
    num_frames: int, image_size: int, class_names: Sequence[str] | None
) -> tfds.features.FeaturesDict:
    """One clip, from neutral to apex.

    Args:
      num_frames: frames T of a clip.
      image_size: side S of a frame.
      class_names: the expressions, in the order of the labels; None when they are not known yet.
    """
    return tfds.features.FeaturesDict(
        {
            "video": _frames(num_frames, image_size, 3),
            "mask": _frames(num_frames, image_size, 1),
            "landmarks": tfds.features.Tensor(shape=(num_frames, 68, 2), dtype=np.float32),
            "label": tfds.features.ClassLabel(names=class_names),
            "subject": tfds.features.Text(),
            "clip": tfds.features.Text(),
            "source_frames": tfds.features.Tensor(shape=(num_frames,), dtype=np.float32),
        }
    )


def _frames(num_frames: int, image_size: int, channels: int) -> tfds.features.Sequence:
    """As `tfds.features.Video`, whose reading would import TensorFlow, which takes 3 s."""
    image = tfds.features.Image(shape=(image_size, image_size, channels))
    return tfds.features.Sequence(image, length=num_frames)
