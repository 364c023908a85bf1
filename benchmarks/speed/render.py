"""Times the rendering of `synthetic_faces`: `python benchmarks/speed/render.py --workers=2`.

Prints one JSON object: how many frames, or with `--what=pairs` pairs of pictures with their flow,
the processes that `prepare` uses render and encode as PNG a second, by the clock and by CPU time;
how long they take from their start to one subject each, which the rates leave out; and what ran it.
"""

import collections
import functools
import json
import multiprocessing
import os
import platform
import resource
import time

import cv2
import numba
import numpy as np
from absl import flags

from fevgan_jax import EXPRESSIONS
from fevgan_jax.runtime import cli
from fevgan_jax.tfds_builders.synthetic_faces import clip, pairs, parallel

WORK = {
    "frames": (clip.of_subject, len(EXPRESSIONS) * clip.NUM_FRAMES),
    "pairs": (functools.partial(pairs.of_subject, number=8), 8),
}
"""What is rendered: the work of one subject, and how many of them it gives."""


def measure(what: str, num_subjects: int, num_workers: int, image_size: int) -> dict:
    """Renders one subject per worker, then these and `num_subjects` more, with new processes."""
    work, each = WORK[what]
    work = functools.partial(work, image_size=image_size)
    work(0)  # numba compiles once, and keeps it on disk
    start_wall, start_cpu = _render(work, num_workers, num_workers)
    wall, cpu = _render(work, num_workers + num_subjects, num_workers)
    count = num_subjects * each
    return {
        what: count,
        "image_size": image_size,
        "workers": num_workers,
        f"{what}_per_s": round(count / (wall - start_wall)),
        f"{what}_per_cpu_s": round(count / (cpu - start_cpu)),
        "start_s": round(start_wall, 1),
        "start_cpu_s_per_worker": round(start_cpu / num_workers, 1),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "versions": {
            "numba": numba.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "python": platform.python_version(),
        },
    }


def _render(work: parallel.Work, num_subjects: int, num_workers: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds that new processes need, first import to last example."""
    start_wall, start_cpu = time.perf_counter(), _cpu_of_ended_children()
    renderers = parallel.Renderers(num_workers)
    collections.deque(renderers.render(work, range(num_subjects)), maxlen=0)
    wall = time.perf_counter() - start_wall
    del renderers  # the system counts the CPU time of a process when it has ended
    for child in multiprocessing.active_children():
        child.join()
    return wall, _cpu_of_ended_children() - start_cpu


def _cpu_of_ended_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _WHAT = flags.DEFINE_enum("what", "frames", list(WORK), "what to render")
    _SUBJECTS = flags.DEFINE_integer("subjects", 50, "subjects to time: six clips or 8 pairs each")
    _WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "processes that render")
    _IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "side of a picture")

    def main() -> None:
        """Prints what was measured."""
        counts = _SUBJECTS.value, _WORKERS.value, _IMAGE_SIZE.value
        print(json.dumps(measure(_WHAT.value, *counts)))

    cli.run(main)
