"""The processes of one run: how they find each other, and how they stop together."""

import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from typing import NoReturn

import jax
from absl import flags, logging
from jax.experimental import multihost_utils

from fevgan_jax.runtime.errors import UserError

HEARTBEAT_SECONDS = 60
"""Seconds without a heartbeat after which JAX ends the other processes, with SIGABRT and its own
message (choice: JAX's 100 s is longer than the 30 s to 60 s that schedulers give)."""

_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_GPU_SHARE = 0.75  # choice: what JAX takes for one process
_GPU_SETTINGS = (
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "CUDA_VISIBLE_DEVICES",
    "JAX_LOCAL_DEVICE_IDS",
)


def define_flags() -> None:
    """Defines `--distributed` and the flags that name the processes where nothing else does."""
    flags.DEFINE_bool("distributed", False, "this is one of several processes of one run")
    flags.DEFINE_string("coordinator_address", None, "host:port of process 0")
    flags.DEFINE_integer("num_processes", None, "how many processes the run has", lower_bound=1)
    flags.DEFINE_integer("process_id", None, "which of them this is, from 0", lower_bound=0)


def start() -> None:
    """Joins the other processes of the run when `--distributed` is given.

    SLURM, Kubernetes, Open MPI and TPU pods are recognised by JAX itself. Must be called
    before anything that uses a device.

    Raises:
      UserError: no cluster is recognised and the flags do not name the processes, or contradict
        each other.
    """
    if not flags.FLAGS.distributed:
        return
    shared = gpu_memory(
        os.environ, flags.FLAGS.coordinator_address or "", flags.FLAGS.num_processes or 1
    )
    os.environ.update(shared)  # before JAX makes its devices
    try:
        jax.distributed.initialize(
            flags.FLAGS.coordinator_address,
            flags.FLAGS.num_processes,
            flags.FLAGS.process_id,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except ValueError as error:
        raise UserError(
            f"--distributed cannot find this run's processes ({str(error).rstrip('.')}): give "
            "--coordinator_address=HOST:PORT, --num_processes and --process_id in each of them."
        ) from error
    if not is_main():
        logging.set_stderrthreshold("warning")


def gpu_memory(
    environ: Mapping[str, str], coordinator_address: str, num_processes: int
) -> dict[str, str]:
    """What to add to the environment of processes that share this machine's GPUs.

    JAX takes three quarters of a GPU's memory for each process at its start. Where the flags name
    the processes, and the coordinator is this machine under a name that no other one knows, all of
    them run here and each of them takes every GPU: they get equal parts of it. A launcher's
    processes (SLURM, Open MPI) and those that are given GPUs of their own share none.

    Args:
      environ: the environment; what it says of memory already stands.
      coordinator_address: `host:port` of process 0, "" where a launcher knows it.
      num_processes: how many the run has.
    """
    is_here = coordinator_address.rpartition(":")[0] in _THIS_MACHINE
    if not is_here or num_processes < 2 or any(name in environ for name in _GPU_SETTINGS):
        return {}
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{_GPU_SHARE / num_processes:.3f}"}


def is_one_of_several() -> bool:
    """Whether other processes take part in this run; uses no device."""
    return jax.distributed.is_initialized() and jax.process_count() > 1


def is_main() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def abandon(status: int | None) -> NoReturn:
    """Exits at once, without waiting for the other processes of the run.

    Forced: at a normal exit JAX waits minutes for the others, which wait for this process in a
    collective. Its closed connections end their wait at once.

    Args:
      status: the exit status; None prints the exception being handled and exits with 1.
    """
    if status is None:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if status is None else status)


def is_from_a_lost_peer(error: Exception) -> bool:
    """Whether an error of JAX was caused by the loss of another process."""
    return is_one_of_several() and "Gloo" in str(error)


def peak_memory_gib() -> float:
    """The most memory in use so far, in GiB: the first device's, or the process's on a CPU."""
    on_device = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    used = on_device or unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**30


def return_freed_memory() -> None:
    """Returns the freed memory that the C library keeps to the system (glibc only).

    After compilation it keeps 0.6 GiB, which would add to the process's later use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Preemption:
    """Whether the scheduler has asked the run to stop (SIGTERM); a context manager.

    With several processes, JAX tells all of them and chooses the step at which they stop.
    """

    def __enter__(self) -> "Preemption":
        self._asked = False
        if not jax.distributed.is_initialized():
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if not jax.distributed.is_initialized():
            signal.signal(signal.SIGTERM, self._before)

    def reached(self, step: int) -> bool:
        """Whether to save and stop after this step; asked at every step, equal in all processes."""
        return self._asked or multihost_utils.reached_preemption_sync_point(step)

    def _note(self, *_: object) -> None:
        self._asked = True
