"""TFDS builder of synthetic_faces."""

import dataclasses
import os

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

import fevgan_jax
from fevgan_jax.tfds_builders import subjects
from fevgan_jax.tfds_builders.synthetic_faces import clip


@dataclasses.dataclass
class SyntheticFacesConfig(tfds.core.BuilderConfig):
    """Which people, and how they are rendered.

    Attributes:
      first_subject: id of the first; an id is the same person in every config.
      num_subjects: how many follow.
      image_size: side of the frames.
      head_motion: degrees, see `clip.HEAD_MOTION`.
    """

    first_subject: int = 0
    num_subjects: int = 600
    image_size: int = 64
    head_motion: float = clip.HEAD_MOTION


class Builder(tfds.core.GeneratorBasedBuilder):
    """Six clips of each person, one of each expression; no person is in both splits."""

    # The checkout maps this folder to another import name, so TFDS would look in the wrong place.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        SyntheticFacesConfig(name="standard", description="600 people, to train on.", num_subjects=600),
        SyntheticFacesConfig(
            name="demo", description="120 people, for the demo.", first_subject=10_000, num_subjects=120
        ),
        SyntheticFacesConfig(
            name="tiny", description="10 people, for tests.", first_subject=20_000, num_subjects=10
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size, frames = self.builder_config.image_size, clip.NUM_FRAMES
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "video": tfds.features.Video(shape=(frames, size, size, 3)),
                    "mask": tfds.features.Video(shape=(frames, size, size, 1)),
                    "landmarks": tfds.features.Tensor(shape=(frames, 68, 2), dtype=np.float32),
                    "label": tfds.features.ClassLabel(names=fevgan_jax.EXPRESSIONS),
                    "subject": tfds.features.Text(),
                    "clip": tfds.features.Text(),
                    "source_frames": tfds.features.Tensor(shape=(frames,), dtype=np.float32),
                }
            ),
            supervised_keys=None,
        )

    def _split_generators(self, dl_manager):
        del dl_manager
        config = self.builder_config
        ids = {
            clip.subject_name(i): i
            for i in range(config.first_subject, config.first_subject + config.num_subjects)
        }
        train, test = subjects.split(ids)
        return {
            "train": self._generate_examples([ids[name] for name in train]),
            "test": self._generate_examples([ids[name] for name in test]),
        }

    def _generate_examples(self, subject_ids):
        config = self.builder_config
        clips = clip.render_subjects(
            subject_ids, config.image_size, config.head_motion, num_workers=os.cpu_count()
        )
        for features in clips:
            yield features["clip"], features
