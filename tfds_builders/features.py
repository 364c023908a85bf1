"""The features that builders yield: clips all of them, pairs of pictures synthetic_faces alone."""

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


def of_pairs(image_size: int) -> tfds.features.FeaturesDict:
    """Two pictures of one face, and exactly how it moved from the first to the second.

    Args:
      image_size: side S of a picture.
    """
    # zlib halves the flow: it is 0 around the face.
    places = tfds.features.Tensor(
        shape=(image_size, image_size, 2), dtype=np.float16, encoding=tfds.features.Encoding.ZLIB
    )
    return tfds.features.FeaturesDict(
        {
            "photo": _image(image_size, 3),
            "picture": _image(image_size, 3),
            "flow": places,
            "visible": _image(image_size, 1),
            "mask": _image(image_size, 1),
            "mouth": _image(image_size, 1),
            "tooth": places,
            "units": tfds.features.Tensor(shape=(56,), dtype=np.float32),
            "shown": tfds.features.Tensor(shape=(52,), dtype=np.float32),
            "path": tfds.features.Scalar(dtype=np.float32),
            "subject": tfds.features.Text(),
            "clip": tfds.features.Text(),
        }
    )


def _image(image_size: int, channels: int) -> tfds.features.Image:
    return tfds.features.Image(shape=(image_size, image_size, channels))


def _frames(num_frames: int, image_size: int, channels: int) -> tfds.features.Sequence:
    """As `tfds.features.Video`, whose reading would import TensorFlow, which takes 3 s."""
    return tfds.features.Sequence(_image(image_size, channels), length=num_frames)
