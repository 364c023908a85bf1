"""A TFDS builder in the project's clip format, small enough to build inside a test."""

import numpy as np
import tensorflow_datasets as tfds

from fevgan_jax.tfds_builders import features

FRAMES, SIZE = 4, 16
CLASSES = ("anger", "happiness")
SUBJECTS = 5


class TinyClips(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Every pixel of a clip's video identifies the clip."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="demo"),)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=features.of_clips(FRAMES, SIZE, CLASSES)
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(SUBJECTS * len(CLASSES)):
            subject, label = divmod(number, len(CLASSES))
            clip = f"person{subject}/{CLASSES[label]}"
            yield (
                clip,
                {
                    "video": np.full((FRAMES, SIZE, SIZE, 3), 10 * number % 256, np.uint8),
                    "mask": np.full((FRAMES, SIZE, SIZE, 1), 255, np.uint8),
                    "landmarks": np.full((FRAMES, 68, 2), number, np.float32),
                    "label": label,
                    "subject": f"person{subject}",
                    "clip": clip,
                    "source_frames": np.arange(FRAMES, dtype=np.float32),
                },
            )


def prepare(folder):
    """Builds the set in a folder, and returns the folder."""
    builder = TinyClips(config="demo", data_dir=folder)
    builder.download_and_prepare(download_dir=folder / "raw", file_format="array_record")
    return folder
