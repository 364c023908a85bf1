"""Gets a frozen net: `python -m fevgan_jax.weights --net=vgg16 [--source=FILE] [--list]`.

A net's file is found or given, checked, converted once and saved in the weights folder. A net that
is there is only verified: its hashes, and its output on a built-in probe image.
"""

import math

import jax
import numpy as np
from absl import flags

from fevgan_jax import recognizers
from fevgan_jax.recognizers import weights_folder
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError


def get(net: str, source: str | None = None, weights_dir: str | None = None) -> str:
    """Makes sure that a net is in the weights folder and undamaged.

    Args:
      net: a module of `fevgan_jax.recognizers`.
      source: the file to convert it from; a net that is there is then made again.
      weights_dir: the folder; see `weights_folder.locate` for the default.

    Returns:
      One line: the net's file, hash and origin.

    Raises:
      UserError: there is no such net, its source is missing or not the expected file, or its output
        on the probe image has changed.
    """
    path = weights_folder.path_of(net, weights_dir)
    module = recognizers.module(net)
    if source or not _is_whole(net, weights_dir):
        recognizers.install(net, source or module.default_source(), weights_dir)
    note = weights_folder.read_note(net, weights_dir)
    params, _ = weights_folder.load(net, weights_dir)
    if not np.allclose(recognizers.probe(net, params), note.probe, rtol=1e-2, atol=1e-3):
        raise UserError(
            f"{path} is whole, but {net} gives other values on the probe image than when it was "
            "converted: install the versions of constraints.txt, or try another machine."
        )
    return f"{path}: {_describe(note)}"


def listing(weights_dir: str | None = None) -> str:
    """Each net of the package: its note in the weights folder, or how to get it."""
    lines = [f"{weights_folder.locate(weights_dir)}:"]
    for net in recognizers.known():
        module = recognizers.module(net)
        shapes = recognizers.shapes(net, module.LAYERS[-1])
        size = sum(4 * math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) / 1e6
        note = weights_folder.read_note(net, weights_dir)
        lines.append(f"  {net} ({size:.0f} MB): {_describe(note)}")
        if note is None:
            lines.append(f"    from {module.SOURCE}; {module.LICENSE}")
            lines.append(f"    get it with `python -m fevgan_jax.weights --net={net}`")
    return "\n".join(lines)


def _is_whole(net: str, weights_dir: str | None) -> bool:
    try:
        weights_folder.load(net, weights_dir)
    except UserError:
        return False
    return True


def _describe(note: weights_folder.Note | None) -> str:
    if note is None:
        return "not there"
    return f"sha256 {note.sha256}; from {note.source}; {note.license}"


if __name__ == "__main__":
    _NET = flags.DEFINE_string("net", None, "name of the net to get")
    _SOURCE = flags.DEFINE_string("source", None, "the file to convert it from")
    _LIST = flags.DEFINE_bool("list", False, "list the nets and what the weights folder holds")
    _WEIGHTS_DIR = flags.DEFINE_string("weights_dir", None, "the weights folder")

    def main() -> None:
        """Gets the net, lists the folder, or both."""
        if not (_NET.value or _LIST.value):
            raise UserError(f"nothing to do: give --net={'|'.join(recognizers.known())} or --list.")
        if _NET.value:
            print(get(_NET.value, _SOURCE.value, _WEIGHTS_DIR.value))
        if _LIST.value:
            print(listing(_WEIGHTS_DIR.value))

    cli.run(main)
