"""TFDS builder of Oulu-CASIA NIR&VIS."""

import dataclasses
import pathlib
import re
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from fevgan_jax.data.finished import Clip
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import clips

_SPECTRA, _LIGHTS = ("vl", "ni"), ("strong", "weak", "dark")


@dataclasses.dataclass
class OuluCasiaConfig(clips.ClipsConfig):
    """The recordings to use.

    Attributes:
      spectrum: "vl", visible light (paper), or "ni", near infrared.
      light: "strong" (paper), "weak" or "dark".
    """

    spectrum: str = "vl"
    light: str = "strong"

    def __post_init__(self) -> None:
        """Raises UserError if there is no such spectrum or light."""
        for name, known in (("spectrum", _SPECTRA), ("light", _LIGHTS)):
            value = getattr(self, name)
            if value not in known:
                raise UserError(f"{name} is {value!r}: give one of {', '.join(known)}.")


class Builder(clips.ClipsBuilder):
    """Six expressions of 80 people, from neutral to apex; no person is in both splits."""

    # TFDS looks for README.md under the import name, which is not its path in a checkout.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Ask the University of Oulu for a licence and unpack the set: --raw_dir is the folder with
    <VL or NI>/<Strong, Weak or Dark>/P<NNN>/<Expression>/<NNN>.jpeg, at any depth.
    """
    BUILDER_CONFIGS = (
        OuluCasiaConfig(name="paper", description="Visible light, strong: the paper's."),
    )

    def find(self, raw_dir: pathlib.Path) -> list[Clip]:
        """Lists the clips of the chosen light; prefers whole frames to crops if both are there."""
        config, found = self.builder_config, {}
        # A copy without a folder level for it is taken to have the chosen spectrum or light.
        others = {*_SPECTRA, *_LIGHTS} - {config.spectrum, config.light}
        for parts, files in clips.walk(raw_dir):
            path = [part.lower() for part in parts]
            places = [i for i, part in enumerate(path[:-1]) if re.fullmatch(r"p\d{3}", part)]
            if not places or path[places[0] + 1] not in self.CLASS_NAMES:
                continue
            above = path[: places[0]]
            if others & {part.split("_")[0] for part in above}:
                continue
            subject, expression = path[places[0]].upper(), path[places[0] + 1]
            cropped = any("cropped" in part for part in above)
            name = "/".join([subject, expression, *path[places[0] + 2 :]])
            if name not in found or not cropped:
                found[name] = Clip(subject, expression, name, files)
        return list(found.values())
