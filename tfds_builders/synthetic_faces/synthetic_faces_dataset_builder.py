"""TFDS builder of synthetic_faces."""

import dataclasses
import os
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

import fevgan_jax
from fevgan_jax.tfds_builders import features, local, subjects
from fevgan_jax.tfds_builders.synthetic_faces import clip, parallel


@dataclasses.dataclass
class SyntheticFacesConfig(tfds.core.BuilderConfig):
    """Which people, and how they are rendered.

    Attributes:
      first_subject: id of the first; an id is the same person in every config.
      num_subjects: how many people.
      image_size: side of the frames; choice: the paper's 64.
      head_motion: degrees, see `clip.HEAD_MOTION`.
      frames: which of a clip's 32 frames are rendered.
    """

    first_subject: int = 0
    num_subjects: int = 600
    image_size: int = 64
    head_motion: float = clip.HEAD_MOTION
    frames: tuple[int, ...] = tuple(range(clip.NUM_FRAMES))


class Builder(local.LocalBuilder):
    """Six clips of each person, one of each expression; no person is in both splits."""

    # TFDS would look for README.md under the import name, and a checkout has another path.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    BUILDER_CONFIGS = (
        SyntheticFacesConfig(name="standard", description="600 people, to train on."),
        SyntheticFacesConfig(
            name="crowd",
            description="6,000 people by the two ends of each clip, to learn faces from.",
            first_subject=40_000,
            num_subjects=6_000,
            frames=(0, clip.NUM_FRAMES - 1),
        ),
        SyntheticFacesConfig(
            name="demo",
            description="120 people, for the demo.",
            first_subject=10_000,
            num_subjects=120,
        ),
        SyntheticFacesConfig(
            name="tiny",
            description="10 people, for tests.",
            first_subject=20_000,
            num_subjects=10,
        ),
    )

    def num_clips(self) -> dict[str, int]:
        """Returns how many clips each split will have."""
        each = len(fevgan_jax.EXPRESSIONS)
        return {name: each * len(people) for name, people in self._people().items()}

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=features.of_clips(
                len(config.frames), config.image_size, fevgan_jax.EXPRESSIONS
            ),
            supervised_keys=None,
        )

    def _split_generators(self, dl_manager):
        del dl_manager
        renderers = parallel.Renderers(os.cpu_count())
        return {
            name: self._generate_examples(renderers, people)
            for name, people in self._people().items()
        }

    def _generate_examples(self, renderers, people):
        config = self.builder_config
        for example in renderers.render(
            people, config.image_size, config.head_motion, config.frames
        ):
            yield example["clip"], example

    def _people(self) -> dict[str, list[int]]:
        """Returns the ids of the people of each split."""
        first = self.builder_config.first_subject
        ids = {
            clip.subject_name(first + i): first + i for i in range(self.builder_config.num_subjects)
        }
        train, test = subjects.split(ids)
        return {"train": [ids[name] for name in train], "test": [ids[name] for name in test]}
