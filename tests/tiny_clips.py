"""A TFDS builder in the project's clip format, small enough to build inside a test."""

import shutil

import numpy as np
import tensorflow_datasets as tfds

from fevgan_jax.tfds_builders import features, local

FRAMES, SIZE = 4, 16
CLASSES = ("anger", "happiness")
SUBJECTS = 5
CLIPS = SUBJECTS * len(CLASSES)
"""Clips of a split."""


class TinyClips(local.LocalBuilder, skip_registration=True):
    """Every pixel of a clip's video identifies the clip."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (tfds.core.BuilderConfig(name="demo"),)

    def _info(self):
        return self.dataset_info_from_configs(features=features.of_clips(FRAMES, SIZE, CLASSES))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for number in range(CLIPS):
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


def copy_as_version(folder, version):
    """Puts the same set beside itself as another version."""
    old, new = folder / "tiny_clips/demo/1.0.0", folder / "tiny_clips/demo" / version
    shutil.copytree(old, new)
    info = new / "dataset_info.json"
    info.write_text(info.read_text().replace('"version": "1.0.0"', f'"version": "{version}"'))
