"""TFDS builder of a user's own clips."""

import csv
import pathlib
import unicodedata
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from fevgan_jax.data.finished import Clip
from fevgan_jax.faces.clip import VIDEOS
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders import clips

_TABLE = "clips.csv"
_COLUMNS = ("path", "subject", "expression")


class Builder(clips.ClipsBuilder):
    """Clips from neutral to apex, of any expressions; no person is in both splits."""

    # TFDS looks for README.md under the import name, which is not its path in a checkout.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    --raw_dir holds <subject>/<expression>/<clip>, each clip a folder of numbered frames or a video
    of any kind that ffmpeg reads, or a file clips.csv with the columns path, subject and
    expression.
    """
    BUILDER_CONFIGS = (
        clips.ClipsConfig(name="own", description="Whole clips, from neutral to apex."),
    )
    CLASS_NAMES = None

    def find(self, raw_dir: pathlib.Path) -> list[Clip]:
        """Lists the clips of `clips.csv` if it exists, else those of the folders."""
        if (raw_dir / _TABLE).exists():
            return _listed(raw_dir / _TABLE)
        found = []
        for parts, files in clips.walk(raw_dir):
            if len(parts) == 3:
                subject, expression, _ = parts
                found.append(Clip(subject, expression.lower(), "/".join(parts), files))
            elif files:
                raise UserError(
                    f"{files[0]} is not in a clip's place: move it to "
                    "<subject>/<expression>/<clip>."
                )
        # Files of other kinds in a clip's place are tried: ffmpeg may read them, and if not, the
        # report says so.
        for file in clips.besides_pictures(raw_dir):
            parts = file.relative_to(raw_dir).parts
            if len(parts) == 3 and not file.name.lower().endswith(VIDEOS):
                found.append(Clip(parts[0], parts[1].lower(), "/".join(parts), (str(file),)))
        return found


def _listed(table: pathlib.Path) -> list[Clip]:
    """The clips of a table; paths are relative to it."""
    try:
        text = table.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{table} is not UTF-8: save it again as UTF-8.") from error
    rows = csv.DictReader(text.splitlines())
    missing = set(_COLUMNS) - set(rows.fieldnames or ())
    if missing:
        raise UserError(f"{table} lacks {', '.join(sorted(missing))} among its columns: add it.")
    found = []
    for row in rows:
        path, subject, expression = ((row[name] or "").strip() for name in _COLUMNS)
        file = table.parent / path
        if not (path and subject and expression and file.exists()):
            raise UserError(
                f"{table}, line {rows.line_num}: give an existing path, a subject and an "
                "expression."
            )
        if file.is_dir():
            files = [files for parts, files in clips.walk(file) if not parts]
            files = files[0] if files else ()
        else:
            files = (str(file),)
        subject, expression = (unicodedata.normalize("NFC", each) for each in (subject, expression))
        found.append(Clip(subject, expression.lower(), path, files))
    return found
