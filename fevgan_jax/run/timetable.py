"""When a run saves."""

import time

import ml_collections
from jax.experimental import multihost_utils


class Timetable:
    """When checkpoints are due: by steps, or by the main process's clock."""

    def __init__(self, config: ml_collections.ConfigDict):
        self._config = config
        self._next = self._minutes_from_now()

    def is_due(self, step: int) -> bool:
        """Whether to save after this step; to be asked at each, in all processes."""
        if not self._config.checkpoint_minutes:
            return step % self._config.checkpoint_every == 0
        # Only where the host has waited for the devices anyway: the answer must be the same in
        # all processes, which takes them a message.
        if step % self._config.log_every:
            return False
        due = bool(multihost_utils.broadcast_one_to_all(time.monotonic() >= self._next))
        if due:
            self._next = self._minutes_from_now()
        return due

    def _minutes_from_now(self) -> float:
        return time.monotonic() + 60 * self._config.checkpoint_minutes
