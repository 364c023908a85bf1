"""Checkpoints of a run; the only file that knows orbax."""

import itertools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils

from fevgan_jax.run import seal
from fevgan_jax.run.files import sync
from fevgan_jax.runtime.disk import full_disk_is_bad_input
from fevgan_jax.runtime.errors import UserError

VERSION = 2
"""Of the saved state's tree. 1, which carries no number: a network's `statistics` are its
`batch_stats` alone. 2: they are all its collections, by name."""

_SHOWN_DIFFERENCES = 3


class Layout(NamedTuple):
    """How an earlier version laid out the state.

    Attributes:
      earlier: makes that version's tree of an abstract state.
      current: makes a state of a tree that was read in that version's layout.
    """

    earlier: Callable[[Any], Any]
    current: Callable[[Any], Any]


class Checkpoints:
    """The last few states of a run, under `<workdir>/checkpoints`; a context manager.

    A checkpoint is the training state (one pytree of arrays with one typed PRNG key), the version
    of its layout, and the hashes of the frozen nets it was trained against. Position in the data
    needs no checkpoint: a batch is a function of seed and step.

    Several processes must see the same folder.

    Attributes:
      directory: the folder of the checkpoints.
    """

    def __init__(self, workdir: str | os.PathLike, keep: int = 3):
        """Opens the folder to read; the first save makes it where it is missing.

        Args:
          workdir: the run's folder.
          keep: how many of the newest checkpoints stay.
        """
        self.directory = pathlib.Path(workdir).expanduser().absolute() / "checkpoints"
        self._keep = keep
        self._broken: list[int] = []
        self._saving: int | None = None
        self._open(write=False)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind and jax.process_count() > 1:
            return  # closing waits for the other processes, which may be gone
        with full_disk_is_bad_input(self.directory):
            self._manager.close()
            self._sync()

    @property
    def latest_step(self) -> int | None:
        """The newest step whose save was finished and which was not found broken."""
        return max(set(self._manager.all_steps()) - set(self._broken), default=None)

    def save(self, step: int, state: Any, frozen: dict[str, str], force: bool = False) -> None:
        """Starts to save in the background; the state may be donated as soon as this returns.

        A save that is interrupted leaves a folder that no later command takes for a checkpoint.

        Args:
          step: of the state.
          state: pytree of arrays, global or local.
          frozen: sha256 of every frozen net, by name.
          force: save even if a checkpoint of this step is there.

        Raises:
          UserError: the disk is full (this save, or the one before it).
        """
        with full_disk_is_bad_input(self.directory):
            if self._saving is None:
                self._manager.close()
                self._set_broken_aside()
                self._open(write=True)
            if step in self._manager.all_steps():
                if not force:
                    return
                self._manager.delete(step)
            self._manager.wait_until_finished()
            self._saving = step
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.PyTreeSave(state),
                    frozen=ocp.args.JsonSave(frozen),
                    layout=ocp.args.JsonSave({"version": VERSION}),
                ),
                force=True,
            )

    def restore(
        self,
        abstract_state: Any,
        step: int | None = None,
        whole: bool = True,
        layouts: Mapping[int, Layout] | None = None,
    ) -> tuple[Any, dict[str, str]]:
        """Reads a state onto the devices that `abstract_state` names.

        Without `step`, the newest checkpoint that can be read is used, and every broken one before
        it is named in the log; its folder is set aside by the next save.

        Args:
          abstract_state: the state's pytree of `jax.ShapeDtypeStruct` with shardings; they need not
            be those it was saved from.
          step: the checkpoint to read; the newest when not given.
          whole: whether the state was saved with no more than this; else the rest is left unread.
          layouts: the earlier versions that can be read, by number.

        Returns:
          The state, and the sha256 of every frozen net by name.

        Raises:
          UserError: there is none, it is broken, or it is another model's or another version's.
        """
        steps = sorted(self._manager.all_steps(), reverse=True) if step is None else [step]
        if not set(steps) & set(self._manager.all_steps()):
            wanted = "checkpoint" if step is None else f"checkpoint of step {step}"
            raise UserError(
                f"there is no {wanted} in {self.directory}: give the --workdir of a run that has "
                "saved one."
            )
        for candidate in steps:
            if self._is_whole(candidate):
                return self._read(candidate, abstract_state, whole, layouts or {})
            self._broken.append(candidate)
        raise UserError(
            f"no checkpoint in {self.directory} can be read (tried {', '.join(map(str, steps))}): "
            "put back an undamaged copy, or delete that folder to train from the start."
        )

    def wait(self) -> None:
        """Returns when every started save is on the disk."""
        with full_disk_is_bad_input(self.directory):
            self._manager.wait_until_finished()
            self._sync()

    def _sync(self) -> None:
        """Puts the last save's name and orbax's own notes on the disk; `_seal` saw to the rest."""
        if self._saving is not None and jax.process_index() == 0:
            folder = self.directory / str(self._saving)
            if folder.exists():  # else the save failed, and whoever waited for it was told
                for path in (*folder.glob("*"), folder, self.directory):
                    sync(path)

    def _open(self, write: bool) -> None:
        # Only who writes may sweep up half-written folders: to a reader, they may be a save that
        # a running training is about to finish.
        self._manager = ocp.CheckpointManager(
            self.directory,
            item_handlers={
                "state": ocp.PyTreeCheckpointHandler(),
                "frozen": ocp.JsonCheckpointHandler(),
                "layout": ocp.JsonCheckpointHandler(),
            },
            options=ocp.CheckpointManagerOptions(
                max_to_keep=self._keep,
                create=write,
                cleanup_tmp_directories=write,
                async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
            ),
        )

    def _seal(self) -> None:
        if jax.process_index() == 0:
            (folder,) = self.directory.glob(f"{self._saving}.*")
            seal.write(folder)

    def _is_whole(self, step: int) -> bool:
        """Checks the seal in one process for all: they must read the same."""
        whole = True
        if jax.process_index() == 0:
            folder = self.directory / str(step)
            try:
                seal.check(folder)
            except (OSError, ValueError) as error:
                whole = False
                logging.warning(
                    "checkpoint %s is broken and passed over (%s: %s)",
                    folder,
                    type(error).__name__,
                    _first_line(error),
                )
        return bool(multihost_utils.broadcast_one_to_all(whole))

    def _read(
        self, step: int, abstract_state: Any, whole: bool, layouts: Mapping[int, Layout]
    ) -> tuple[Any, dict[str, str]]:
        version = self._version(step)
        if version != VERSION:
            if version not in layouts:
                raise UserError(
                    f"{self.directory / str(step)} was written by another version of fevgan_jax "
                    f"(layout {version}, where this one reads {VERSION}): install the version "
                    "that the run was trained with."
                )
            abstract_state = layouts[version].earlier(abstract_state)
        saved = _shapes(self._manager.item_metadata(step)["state"].tree)
        wanted = _shapes(jax.eval_shape(_without_keys, abstract_state))
        if not whole:
            saved = {name: shape for name, shape in saved.items() if name in wanted}
        if saved != wanted:
            raise UserError(
                f"{self.directory / str(step)} was saved from another model "
                f"({_differences(saved, wanted)}): give the config it was trained with, or another "
                "--workdir."
            )
        part = ocp.args.PyTreeRestore(
            abstract_state,
            restore_args=ocp.checkpoint_utils.construct_restore_args(abstract_state),
            partial_restore=True,
        )
        restored = self._manager.restore(
            step, args=ocp.args.Composite(state=part, frozen=ocp.args.JsonRestore())
        )
        state = restored["state"]
        if version != VERSION:
            state = layouts[version].current(state)
        return state, restored["frozen"]

    def _version(self, step: int) -> int:
        if not (self.directory / str(step) / "layout").exists():
            return 1
        part = ocp.args.Composite(layout=ocp.args.JsonRestore())
        return self._manager.restore(step, args=part)["layout"]["version"]

    def _set_broken_aside(self) -> None:
        # orbax would refuse every save of an earlier step than one that is there.
        if self._broken and jax.process_index() == 0:
            for step in self._broken:
                folder = self.directory / str(step)
                # The same step may have been broken before.
                numbers = (f"_{number}" if number > 1 else "" for number in itertools.count(1))
                names = (folder.with_name(f"broken_{step}{number}") for number in numbers)
                folder.rename(next(name for name in names if not name.exists()))
        ocp.multihost.sync_global_processes("broken checkpoints set aside")
        self._broken.clear()


def _without_keys(state: Any) -> Any:
    """The state as it lies on disk: a PRNG key is its data."""

    def plain(leaf: Any) -> Any:
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(leaf) if is_key else leaf

    return jax.tree.map(plain, state)


def _shapes(tree: Any) -> dict[str, tuple[tuple[int, ...], str]]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): (tuple(leaf.shape), str(leaf.dtype))
        for path, leaf in leaves
    }


def _differences(saved: dict[str, Any], wanted: dict[str, Any]) -> str:
    def said(shape: tuple[tuple[int, ...], str] | None) -> str:
        return "nothing" if shape is None else f"{shape[1]}{list(shape[0])}"

    names = [name for name in sorted(saved | wanted) if saved.get(name) != wanted.get(name)]
    shown = [
        f"{name}: {said(saved.get(name))} there, {said(wanted.get(name))} here"
        for name in names[:_SHOWN_DIFFERENCES]
    ]
    if len(names) > len(shown):
        shown.append(f"and {len(names) - len(shown)} more")
    return "; ".join(shown)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")
