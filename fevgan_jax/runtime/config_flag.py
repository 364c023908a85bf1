"""The `--config` flag: a config file's path, or the bare name of a config that ships.

Behind a colon may stand the argument of the file's `get_config`: `configs/tables.py:small/vgan`.
"""

import pathlib
import re
import sys
import traceback

import ml_collections
from absl import flags
from ml_collections import config_flags
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from fevgan_jax import configs
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.names import did_you_mean

SHIPPED = pathlib.Path(configs.__path__[0])


def find(name: str) -> pathlib.Path:
    """Finds a config: `configs/demo.py` or any other path, else `demo`, `ablation/...` shipped.

    Raises:
      UserError: there is no such config; names those that ship.
    """
    candidates = (pathlib.Path(name), SHIPPED / f"{name}.py", SHIPPED.parent / name)
    for path in candidates:
        if path.is_file():
            return path
    raise UserError(f"there is no config {name!r}: give a file, or one of {', '.join(shipped())}.")


def shipped() -> list[str]:
    """Bare names of the configs that ship."""
    files = (path.relative_to(SHIPPED) for path in SHIPPED.rglob("[!_]*.py"))
    return sorted(str(path.with_suffix("")) for path in files)


def define(
    name: str, help_string: str, flag_values: flags.FlagValues = flags.FLAGS
) -> flags.FlagHolder:
    """Defines a config flag; `--config.field=value` overrides a field of the config."""
    holder = config_flags.DEFINE_config_file(name, None, help_string, flag_values)
    flag_values[name].parser = _Parser(name)
    flags.mark_flag_as_required(name, flag_values)
    return holder


class _Parser(ConfigFileFlagParser):
    def parse(self, path: str) -> ml_collections.ConfigDict:
        """Runs the config file, and checks that the fields overridden on the command line exist.

        A section of numbers (losses, optimizers) takes further ones, which are checked by name
        before the training starts, and a number in place of a schedule.

        Raises:
          UserError: there is no such file, it fails, or it has no such field.
        """
        name, colon, argument = path.partition(":")
        file = find(name)
        try:
            config = super().parse(f"{file}{colon}{argument}")
        except UserError:
            raise
        except Exception as error:  # a config file is code, which may raise anything
            raise UserError(_failure(file, error)) from error
        arguments = flags.FLAGS.read_flags_from_files(sys.argv[1:])
        for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
            if override := re.match(rf"--?(?:no)?{self.name}\.([^=]+)(?:=(.*))?", argument):
                _take_number(config, *override.groups(default=following))
                _check_field(self.name, config, override[1])
        return config


def _failure(file: pathlib.Path, error: Exception) -> str:
    # The library replaces these two by a copy whose message holds a traceback.
    copied = isinstance(error, TypeError | ValueError) and error.__context__
    cause = error.__context__ if copied else error
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(cause.__traceback__)
        if frame.filename == str(file)
    ]
    place = f"{file}, line {lines[-1]}" if lines else str(file)
    said = " ".join(str(cause).split())
    return f"{place} is not a config ({type(cause).__name__}: {said}): mend that file."


def _take_number(config: ml_collections.ConfigDict, path: str, value: str) -> None:
    """Makes the field at `path` a number, if `value` is one and a section of numbers is there.

    The flag library takes a field's type from the value that it replaces.
    """
    section = config
    *sections, name = path.split(".")
    for each in sections:
        section = section.get(each) if isinstance(section, ml_collections.ConfigDict) else None
    is_section = isinstance(section, ml_collections.ConfigDict) and section is not config
    if not is_section or section.is_type_safe:
        return
    if isinstance(section.get(name), ml_collections.ConfigDict | None) and _is_number(value):
        with section.unlocked():
            section[name] = 0.0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_field(flag: str, config: ml_collections.ConfigDict, path: str) -> None:
    """Raises UserError unless a config has the field `path`, such as `data.window`."""
    place, section = flag, config
    for part in path.split("."):
        name = part.partition("[")[0]
        if not isinstance(section, ml_collections.ConfigDict):
            raise UserError(f"--{flag}.{path}: {place} is {section!r} and has no fields.")
        if name not in section:
            raise UserError(
                f"--{flag}.{path}: {place} has no field {name!r}: {did_you_mean(name, section)}"
            )
        place, section = f"{place}.{name}", section[name]
