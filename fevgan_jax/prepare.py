"""Prepares a data set for training: `python -m fevgan_jax.prepare --dataset=... --data_dir=...`.

Every prepared set has the same features, whatever its clips were made from. A set is written to a
temporary folder and renamed, so it appears whole or not at all; if it is there, the command does
nothing.
"""

import contextlib
import dataclasses
import fcntl
import importlib
import os
import pathlib
import pkgutil
import shutil
from collections.abc import Iterator, Sequence

import tensorflow_datasets as tfds
from absl import flags, logging

from fevgan_jax import tfds_builders
from fevgan_jax.data import beam, finished, prepared
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.disk import full_disk_is_bad_input
from fevgan_jax.runtime.errors import UserError


def prepare(
    dataset: str,
    data_dir: str,
    raw_dir: str | None = None,
    options: Sequence[str] = (),
    ahead: beam.Run | None = None,
) -> str:
    """Makes the prepared set, unless it is there.

    Args:
      dataset: a package of `fevgan_jax.tfds_builders` and, where it has variants, one of them:
        `synthetic_faces/demo`.
      data_dir: folder of the prepared sets; "" is TFDS's default folder.
      raw_dir: folder of the original files, for a set that is made from files.
      options: fields of the variant's config with other values, such as `image_size=128`; they
        become part of the set's name.
      ahead: a Beam run that prepares the clips of a set made from files; its workers must see
        `raw_dir` and `data_dir` under the same paths.

    Returns:
      The folder of the prepared set.

    Raises:
      UserError: there is no such set, variant or option, `raw_dir` is missing or has no usable
        clip, or `data_dir` cannot be written to.
    """
    root = prepared.data_root(data_dir)
    builder = _builder(dataset, root, options)
    if ahead:
        if not hasattr(builder, "ahead"):
            raise UserError(f"{dataset} is not made from files: omit --beam_runner.")
        builder.ahead = ahead
    place = pathlib.Path(builder.data_dir)
    if not place.exists():
        if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and raw_dir is None:
            raise UserError(
                f"{dataset} is made from files that you have to provide: give their folder as "
                f"--raw_dir. {' '.join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())}"
            )
        if raw_dir is not None and not (os.path.isdir(raw_dir) and os.listdir(raw_dir)):
            raise UserError(f"{raw_dir} is not a folder, or is empty: check --raw_dir.")
        with _alone(root), full_disk_is_bad_input(root):
            _sweep(place)
            _announce(builder)
            builder.download_and_prepare(
                download_dir=root / "downloads",
                download_config=tfds.download.DownloadConfig(manual_dir=raw_dir),
                file_format="array_record",
            )
            shutil.rmtree(place.parent / finished.FOLDER, ignore_errors=True)
    clips = {name: split.num_examples for name, split in builder.info.splits.items()}
    logging.info("%s is prepared in %s: %s", dataset, place, clips)
    return str(place)


def _builder(dataset: str, root: pathlib.Path, options: Sequence[str]) -> tfds.core.DatasetBuilder:
    name, _, variant = dataset.partition("/")
    known = sorted(
        module.name for module in pkgutil.iter_modules(tfds_builders.__path__) if module.ispkg
    )
    if name not in known:
        raise UserError(f"there is no data set {name!r}: --dataset is one of {', '.join(known)}.")
    package = f"{tfds_builders.__name__}.{name}"
    builder = importlib.import_module(f"{package}.{name}_dataset_builder").Builder
    variants = list(builder.builder_configs)
    if variant not in (variants or [""]):
        choices = ", ".join(f"{name}/{each}" for each in variants) or name
        raise UserError(f"there is no data set {dataset!r}: --dataset is one of {choices}.")
    config = builder.builder_configs.get(variant)
    return builder(data_dir=root, config=_changed(config, options) if options else config)


_READERS = {bool: {"True": True, "False": False}.__getitem__}
"""How a value of a kind is read, where not by the kind itself."""


def _changed(config: tfds.core.BuilderConfig, options: Sequence[str]) -> tfds.core.BuilderConfig:
    """The config with other values, which its name lists."""
    common = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    known = {
        field.name: type(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.name not in common and isinstance(getattr(config, field.name), int | float | str)
    }
    values = {}
    for option in options:
        name, _, text = option.partition("=")
        try:
            values[name] = _READERS.get(known[name], known[name])(text)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{option!r} is not an option of this set: give one of "
                f"{', '.join(f'{name}={kind.__name__}' for name, kind in known.items())}."
            ) from error
        if _is_too_small(values[name], getattr(config, name)):
            raise UserError(f"--option={option} is too small: give 1 or more.")
    told = [f"{name}.{value}" for name, value in sorted(values.items())]
    return dataclasses.replace(config, name="-".join([config.name, *told]), **values)


def _is_too_small(value: object, usual: object) -> bool:
    """Whether a value is negative, or 0 where the usual one is a count or a length."""
    if isinstance(value, int | float) and value < 0:
        return True
    return type(value) is int and value == 0 < usual


@contextlib.contextmanager
def _alone(root: pathlib.Path) -> Iterator[None]:
    """Waits until no other `prepare` works in this folder, which could be making the same set."""
    with contextlib.ExitStack() as held:
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(open(root / ".prepare.lock", "w"))
        except OSError as error:
            raise UserError(
                f"cannot write to {root} ({error.strerror}): give a --data_dir that you may write "
                "to."
            ) from error
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _announce(builder: tfds.core.DatasetBuilder) -> None:
    """Tells TFDS the set's number of clips, if the builder knows it, for the progress bar's ETA."""
    splits = [
        tfds.core.SplitInfo(name=name, shard_lengths=[count], num_bytes=0)
        for name, count in getattr(builder, "num_clips", dict)().items()
    ]
    builder.info.set_splits(tfds.core.splits.SplitDict(splits))


def _sweep(place: pathlib.Path) -> None:
    """Removes the temporary folders that a killed run left beside its set."""
    for left in place.parent.glob(f"incomplete.*_{place.name}"):
        logging.info("removing %s, left by an interrupted run", left)
        shutil.rmtree(left)


if __name__ == "__main__":
    _DATASET = flags.DEFINE_string("dataset", None, "the set, as name/variant", required=True)
    _DATA_DIR = flags.DEFINE_string("data_dir", "", "folder of prepared sets; TFDS's if empty")
    _RAW_DIR = flags.DEFINE_string("raw_dir", None, "folder of the set's original files, if any")
    _OPTIONS = flags.DEFINE_multi_string(
        "option", [], "a field of the variant's config and its value, such as image_size=128"
    )
    _BEAM_RUNNER = flags.DEFINE_string(
        "beam_runner", "", "Apache Beam's runner, to prepare a set of files on many machines"
    )
    _BEAM_OPTIONS = flags.DEFINE_multi_string(
        "beam_option", [], "an option of Beam's pipeline, such as region=europe-west1"
    )

    def main() -> None:
        """Prepares the set."""
        runner = _BEAM_RUNNER.value
        ahead = beam.Run(runner, tuple(_BEAM_OPTIONS.value)) if runner else None
        print(prepare(_DATASET.value, _DATA_DIR.value, _RAW_DIR.value, _OPTIONS.value, ahead))

    cli.run(main)
