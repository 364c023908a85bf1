"""Gets a frozen net: `python -m fevgan_jax.weights --net=vgg16 [--source=FILE] [--list]`.

A net is found or given, checked, converted once and kept in the weights folder; a net that is
there already is only verified.
"""

import importlib
import pkgutil
from types import ModuleType

from absl import flags

from fevgan_jax import cli, recognizers
from fevgan_jax.errors import UserError
from fevgan_jax.recognizers import weights_folder


def get(net: str, source: str | None = None, weights_dir: str | None = None) -> str:
    """Makes sure that a net is in the weights folder and whole.

    Args:
      net: a module of `fevgan_jax.recognizers`.
      source: the file to convert it from; a net that is there already is then made anew.
      weights_dir: the folder, when not the usual one.

    Returns:
      One line: the net's file, hash and origin.

    Raises:
      UserError: there is no such net, or its source is missing or another file.
    """
    module = _module(net)
    path = weights_folder.path_of(net, weights_dir)
    if source or not _is_whole(net, weights_dir):
        source = source or module.default_source()
        weights_folder.save(
            net,
            module.convert(source),
            converted_from=source,
            source=module.SOURCE,
            license_text=module.LICENSE,
            weights_dir=weights_dir,
        )
    return f"{path}: {_describe(weights_folder.read_note(net, weights_dir))}"


def listing(weights_dir: str | None = None) -> str:
    """One line per net of the package: what the weights folder holds of it."""
    lines = [f"{weights_folder.locate(weights_dir)}:"]
    lines += [
        f"  {net}: {_describe(weights_folder.read_note(net, weights_dir))}" for net in known()
    ]
    return "\n".join(lines)


def known() -> list[str]:
    """Names of the nets this package can run."""
    names = (module.name for module in pkgutil.iter_modules(recognizers.__path__))
    return [name for name in names if name != "weights_folder"]


def _module(net: str) -> ModuleType:
    if net not in known():
        raise UserError(f"there is no frozen net {net!r}: --net is one of {', '.join(known())}.")
    return importlib.import_module(f"{recognizers.__name__}.{net}")


def _is_whole(net: str, weights_dir: str | None) -> bool:
    try:
        weights_folder.load(net, weights_dir)
    except UserError:
        return False
    return True


def _describe(note: weights_folder.Note | None) -> str:
    if note is None:
        return "none that can be read"
    return f"sha256 {note.sha256}; from {note.source}; {note.license}"


if __name__ == "__main__":
    _NET = flags.DEFINE_string("net", None, "the net to get")
    _SOURCE = flags.DEFINE_string("source", None, "the file to convert it from")
    _LIST = flags.DEFINE_bool("list", False, "say what the weights folder holds")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "the weights folder")

    def main() -> None:
        """Gets the net, lists the folder, or both."""
        if not (_NET.value or _LIST.value):
            raise UserError(f"nothing to do: give --net={'|'.join(known())} or --list.")
        if _NET.value:
            print(get(_NET.value, _SOURCE.value, _WEIGHTS_DIR.value))
        if _LIST.value:
            print(listing(_WEIGHTS_DIR.value))

    cli.run(main)
