"""The times at which a run saves."""

import time

import ml_collections
from jax.experimental import multihost_utils


class Timetable:
    """Decides when checkpoints are due: by steps, or by the main process's clock."""

    def __init__(self, config: ml_collections.ConfigDict):
        self._config = config
        self._next = self._minutes_from_now()

    def is_due(self, step: int) -> bool:
        """Whether to save after this step; called at every step, in all processes."""
        if not self._config.checkpoint_minutes:
            return step % self._config.checkpoint_every == 0
        # Only at steps that wait for the devices anyway: all processes must have the same answer,
        # which takes a broadcast.
        if step % self._config.log_every:
            return False
        due = bool(multihost_utils.broadcast_one_to_all(time.monotonic() >= self._next))
        if due:
            self._next = self._minutes_from_now()
        return due

    def _minutes_from_now(self) -> float:
        return time.monotonic() + 60 * self._config.checkpoint_minutes
