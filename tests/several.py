"""Runs the real `main` in one or several processes on the CPU.

They fork from a server that has imported everything, which takes longer than a short run.
"""

import atexit
import multiprocessing
import os
import socket
import sys
import time

import jax

from fevgan_jax import main
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.runtime import cli
from tests.conftest import COMPILE_FAST

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.several"])


def launch(arguments, log, *, count=1, devices=1, then_evaluate=None):
    """Starts `count` processes of one run.

    Args:
      arguments: arguments of `main`; must have `--workdir`.
      log: file of their common output; compiled programs are cached beside it.
      count: number of processes.
      devices: virtual devices of each process.
      then_evaluate: a workdir to evaluate in the same processes.
    """
    together = [[]]
    if count > 1:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            address = f"--coordinator_address=localhost:{probe.getsockname()[1]}"
        together = [
            ["--distributed", address, f"--num_processes={count}", f"--process_id={number}"]
            for number in range(count)
        ]
    processes = [
        _SERVER.Process(target=_run, args=([*arguments, *own], log, devices, then_evaluate))
        for own in together
    ]
    for process in processes:
        process.start()
    return processes


def finish(processes, seconds=300):
    """Waits for all of them and returns their exit statuses; -9 for those it killed."""
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def wait_until(condition, process, seconds=300):
    """Returns as soon as `condition()` holds, which must be before the process ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _run(arguments, log, devices, then_evaluate):
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices} {COMPILE_FAST}"
    jax.config.update("jax_compilation_cache_dir", os.path.join(os.path.dirname(log), "compiled"))
    sys.argv = ["main", *arguments]

    def command():
        main.main()
        if then_evaluate:
            evaluate(then_evaluate)

    try:
        cli.run(command)
    finally:
        # multiprocessing's children skip atexit, and with it JAX's shutdown barrier.
        atexit._run_exitfuncs()
