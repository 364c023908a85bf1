"""Times the rendering of `synthetic_faces`: `python benchmarks/speed/render.py --workers=2`.

Prints one JSON object: frames per second that `prepare`'s processes render and encode as PNG, by
wall-clock and by CPU time; how long they take from their start to one subject each, which the rates
leave out; cores and versions.
"""

import collections
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
from fevgan_jax.tfds_builders.synthetic_faces import clip, parallel


def measure(num_subjects: int, num_workers: int, image_size: int) -> dict:
    """Renders one subject per worker, then these and `num_subjects` more, with new processes."""
    clip.render_subject(0, EXPRESSIONS[0], image_size)  # fills numba's cache on disk
    start_wall, start_cpu = _render(num_workers, num_workers, image_size)
    wall, cpu = _render(num_workers + num_subjects, num_workers, image_size)
    clips = num_subjects * len(EXPRESSIONS)
    frames = clips * clip.NUM_FRAMES
    return {
        "clips": clips,
        "image_size": image_size,
        "workers": num_workers,
        "frames_per_s": round(frames / (wall - start_wall)),
        "frames_per_cpu_s": round(frames / (cpu - start_cpu)),
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


def _render(num_subjects: int, num_workers: int, image_size: int) -> tuple[float, float]:
    """Returns the wall and CPU seconds that new processes need, first import to last clip."""
    start_wall, start_cpu = time.perf_counter(), _cpu_of_ended_children()
    renderers = parallel.Renderers(num_workers)
    collections.deque(renderers.render(range(num_subjects), image_size), maxlen=0)
    wall = time.perf_counter() - start_wall
    del renderers  # the system counts the CPU time of a process when it has ended
    for child in multiprocessing.active_children():
        child.join()
    return wall, _cpu_of_ended_children() - start_cpu


def _cpu_of_ended_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _SUBJECTS = flags.DEFINE_integer("subjects", 50, "subjects to time, six clips each")
    _WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "processes that render")
    _IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "side of a frame")
    cli.run(lambda: print(json.dumps(measure(_SUBJECTS.value, _WORKERS.value, _IMAGE_SIZE.value))))
