"""TFDS builder of synthetic_faces."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

import fevgan_jax
from fevgan_jax.tfds_builders import features, local, subjects
from fevgan_jax.tfds_builders.synthetic_faces import clip, pairs, parallel


@dataclasses.dataclass
class _People(tfds.core.BuilderConfig):
    """Which people.

    Attributes:
      first_subject: id of the first; an id is the same person in every config.
      num_subjects: how many people.
      test_share: the share of people in `test`; choice: the paper's.
      image_size: side of a picture; choice: the paper's 64.
    """

    first_subject: int = 0
    num_subjects: int = 600
    test_share: float = 0.2
    image_size: int = 64


@dataclasses.dataclass
class SyntheticFacesConfig(_People):
    """Six clips of each person, one of each expression.

    Attributes:
      head_motion: degrees, see `clip.HEAD_MOTION`.
      expression_head: how much of the head motion that belongs to the expression is made; choice:
        all of it.
      frames: which of a clip's 32 frames are rendered.
    """

    head_motion: float = clip.HEAD_MOTION
    expression_head: float = 1.0
    frames: tuple[int, ...] = tuple(range(clip.NUM_FRAMES))

    each: ClassVar = len(fevgan_jax.EXPRESSIONS)

    def features(self) -> tfds.features.FeaturesDict:
        """What an example holds."""
        return features.of_clips(len(self.frames), self.image_size, fevgan_jax.EXPRESSIONS)

    def work(self) -> parallel.Work:
        """What renders the examples of one person."""
        return functools.partial(
            clip.of_subject,
            image_size=self.image_size,
            head_motion=self.head_motion,
            expression_head=self.expression_head,
            chosen=self.frames,
        )


@dataclasses.dataclass
class PairsConfig(_People):
    """Pairs of pictures of each person, with exact answers.

    Attributes:
      each: how many pairs of each person.
    """

    each: int = 8

    def features(self) -> tfds.features.FeaturesDict:
        """What an example holds."""
        return features.of_pairs(self.image_size)

    def work(self) -> parallel.Work:
        """What renders the examples of one person."""
        return functools.partial(pairs.of_subject, number=self.each, image_size=self.image_size)


class Builder(local.LocalBuilder):
    """Rendered people; no person is in both splits."""

    # TFDS would look for README.md under the import name, and a checkout has another path.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("2.4.0")
    # Choice: one list for all; clips are there as 2.0.0 and 1.0.0, pairs from 2.0.0 on.
    SUPPORTED_VERSIONS: ClassVar = [
        tfds.core.Version(version) for version in ("2.3.0", "2.2.0", "2.1.0", "2.0.0", "1.0.0")
    ]
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "First release.",
        "2.0.0": "Other faces, expressions and light: teeth, folds, glasses, make-up. Sets of "
        "pairs of pictures with exact answers, and of clips at 128 and 256 pixels.",
        "2.1.0": "Pairs: a quarter of the photos smile, most of them broadly, with brighter teeth.",
        "2.2.0": "Pairs: what of the mouth each pixel shows, and which place on which tooth.",
        "2.3.0": "Pairs: eyes blink, wink and look aside, a tongue comes out, a jaw goes aside.",
        "2.4.0": "Sadness draws the brows together half as much, so that their inner ends rise.",
    }
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
            name="size128",
            description="200 people at 128 pixels.",
            first_subject=60_000,
            num_subjects=200,
            image_size=128,
        ),
        SyntheticFacesConfig(
            name="size256",
            description="200 people at 256 pixels, by every fourth frame and the last.",
            first_subject=70_000,
            num_subjects=200,
            image_size=256,
            frames=(*range(0, clip.NUM_FRAMES, 4), clip.NUM_FRAMES - 1),
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
        PairsConfig(
            name="pairs",
            description="44,000 pairs of pictures of 5,500 people, to learn motion from.",
            first_subject=100_000,
            num_subjects=5_500,
            test_share=0.02,
        ),
        PairsConfig(
            name="pairs128",
            description="22,000 pairs of pictures of 2,750 people at 128 pixels.",
            first_subject=110_000,
            num_subjects=2_750,
            test_share=0.04,
            image_size=128,
        ),
        PairsConfig(
            name="pairs_demo",
            description="960 pairs of pictures of 120 people, for the demo.",
            first_subject=120_000,
            num_subjects=120,
        ),
        PairsConfig(
            name="pairs_tiny",
            description="16 pairs of pictures of 4 people, for tests.",
            first_subject=30_000,
            num_subjects=4,
            each=4,
            test_share=0.25,
        ),
    )

    def num_clips(self) -> dict[str, int]:
        """Returns how many examples each split will have."""
        return {
            name: self.builder_config.each * len(people) for name, people in self._people().items()
        }

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=self.builder_config.features(), supervised_keys=None
        )

    def _split_generators(self, dl_manager):
        del dl_manager
        renderers = parallel.Renderers(os.cpu_count())
        return {
            name: self._generate_examples(renderers, people)
            for name, people in self._people().items()
        }

    def _generate_examples(self, renderers: parallel.Renderers, people: Sequence[int]):
        for example in renderers.render(self.builder_config.work(), people):
            yield example["clip"], example

    def _people(self) -> dict[str, list[int]]:
        """Returns the ids of the people of each split."""
        config = self.builder_config
        ids = {
            clip.subject_name(config.first_subject + i): config.first_subject + i
            for i in range(config.num_subjects)
        }
        train, test = subjects.split(ids, config.test_share)
        return {"train": [ids[name] for name in train], "test": [ids[name] for name in test]}
