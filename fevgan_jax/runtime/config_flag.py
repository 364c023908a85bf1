"""The `--config` flag: a config file's path, or the bare name of a config that ships."""

import pathlib

from absl import flags
from ml_collections import config_flags
from ml_collections.config_flags.config_flags import ConfigFileFlagParser

from fevgan_jax import configs
from fevgan_jax.runtime.errors import UserError

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


def define(name: str, help_string: str) -> flags.FlagHolder:
    """Defines a config flag; `--config.field=value` overrides a field of the config."""
    holder = config_flags.DEFINE_config_file(name, None, help_string)
    flags.FLAGS[name].parser = _Parser(name)
    flags.mark_flag_as_required(name)
    return holder


class _Parser(ConfigFileFlagParser):
    def parse(self, path):
        return super().parse(str(find(path)))
