"""Several real processes of one run, on this machine's CPU."""

import socket
import subprocess
import sys
import time


def launch(module, count, devices, arguments, environment):
    """Starts `count` processes of a command, each with `devices` virtual devices."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    flags = f"{environment['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    together = ["--distributed", f"--coordinator_address=localhost:{port}"]
    return [
        subprocess.Popen(
            [
                *(sys.executable, "-m", module, *arguments, *together),
                *(f"--num_processes={count}", f"--process_id={number}"),
            ],
            env=environment | {"XLA_FLAGS": flags},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]


def finish(processes, seconds):
    """Waits for all of them; returns their exit statuses and what they wrote to stderr."""
    deadline = time.monotonic() + seconds
    said = []
    try:
        for process in processes:
            said.append(process.communicate(timeout=max(1, deadline - time.monotonic()))[1])
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], said
