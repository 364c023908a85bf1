"""TFDS builder of MUG."""

import dataclasses
import json
import pathlib
import re
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from fevgan_jax.data.finished import Clip
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import clips

_FOLDER = epath.Path(__file__).parent


@dataclasses.dataclass
class MugConfig(clips.ClipsConfig):
    """A split of MUG's people.

    Attributes:
      split: a published split in `splits.json`; "" splits the people found by the seed.
    """

    until: str = "half"  # paper: neutral to apex is the first half of a clip
    split: str = ""


class Builder(clips.ClipsBuilder):
    """Six expressions of MUG's people, from neutral to apex; no person is in both splits."""

    # TFDS looks for README.md under the import name, which is not its path in a checkout.
    pkg_dir_path = _FOLDER
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Ask for a licence at https://mug.ee.auth.gr/fed/ and unpack the sequences: --raw_dir is the
    folder with <subject>/<expression>/take<NNN>/img_<NNNN>.jpg, as 001/anger/take000/img_0000.jpg.
    """
    BUILDER_CONFIGS = (
        MugConfig(name="paper", description="80% of the people to train on, 20% to test (paper)."),
        MugConfig(name="imaginator", description="ImaGINator's 42 and 10.", split="imaginator"),
        MugConfig(name="lfdm", description="LFDM's 26 and 26.", split="lfdm"),
    )

    def find(self, raw_dir: pathlib.Path) -> list[Clip]:
        """Lists the clips of the six expressions; there may be a folder per session."""
        found = []
        for parts, files in clips.walk(raw_dir):
            people = [i for i, part in enumerate(parts) if re.fullmatch(r"\d{3}", part)]
            if not people:
                continue
            subject, *below = parts[people[0] :]
            expressions = [part.lower() for part in below if part.lower() in self.CLASS_NAMES]
            if expressions:
                found.append(Clip(subject, expressions[0], "/".join([subject, *below]), files))
        return found

    def divide(self, people: list[str]) -> dict[str, list[str]]:
        """The people of each split, as published or drawn by the seed."""
        if not self.builder_config.split:
            return super().divide(people)
        published = json.loads((_FOLDER / "splits.json").read_text())[self.builder_config.split]
        splits = {name: sorted(set(side) & set(people)) for name, side in published.items()}
        for name, side in splits.items():
            if not side:
                raise UserError(
                    f"{self.builder_config.name}'s split {name!r} has no clip here: provide "
                    "all of MUG, or prepare mug/paper."
                )
        return splits
