"""Times the preparation of clips: `python benchmarks/speed/prepare.py --clips=30 --frames=70`.

Renders clips in MUG's folder structure (896x896 JPEGs, heads of half the width), then prepares them
as `prepare` does. Prints one JSON object: frames tracked and cropped per second of wall-clock and
of CPU time, from the processes' start, the largest process's memory, cores and versions.
"""

import json
import multiprocessing
import os
import pathlib
import platform
import resource
import tempfile
import time

import cv2
import numpy as np
from absl import flags

from fevgan_jax.data import finished
from fevgan_jax.runtime import cli
from fevgan_jax.tfds_builders.synthetic_faces import clip

SIDE, FACE, DRAWN = 896, 448, 8


def draw(folder: pathlib.Path, num_clips: int, num_frames: int) -> list[finished.Clip]:
    """Writes clips that go from neutral to apex and back through a few rendered frames."""
    way = np.abs(np.linspace(1 - DRAWN, DRAWN - 1, num_frames)).round().astype(int)
    chosen = np.linspace(clip.NUM_FRAMES - 1, 0, DRAWN).astype(int)
    encoded, made = {}, []
    for number in range(num_clips):
        person = number % 5
        if person not in encoded:
            drawn = clip.render_subject(person, "happiness", FACE, chosen=chosen[::-1])
            encoded[person] = [
                _jpeg(frame, mask)
                for frame, mask in zip(drawn["video"], drawn["mask"], strict=True)
            ]
        name = f"{person:03d}/happiness/take{number:03d}"
        (folder / name).mkdir(parents=True)
        files = [folder / name / f"img_{i:04d}.jpg" for i in range(num_frames)]
        for file, place in zip(files, way, strict=True):
            file.write_bytes(encoded[person][DRAWN - 1 - place])
        made.append(finished.Clip(f"{person:03d}", "happiness", name, tuple(map(str, files))))
    return made


def measure(num_clips: int, num_frames: int, tracker: str) -> dict:
    """Renders clips and times their preparation."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        clips = draw(folder / "raw", num_clips, num_frames)
        settings = finished.Settings(tracker, 64, 32, "arc_length", "end")
        start = time.perf_counter()
        outcomes = finished.finish(clips, settings, folder / "finished")
        wall = time.perf_counter() - start
    for worker in multiprocessing.active_children():
        worker.join()  # its CPU time and memory are counted when it has ended
    frames = num_clips * num_frames
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "clips": num_clips,
        "kept": sum(bool(each.file) for each in outcomes),
        "frames": frames,
        "tracker": tracker,
        "frames_per_s": round(frames / wall, 1),
        "frames_per_cpu_s": round(frames / (usage.ru_utime + usage.ru_stime), 1),
        "largest_process_mib": round(usage.ru_maxrss / 2**10),
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "versions": {"opencv": cv2.__version__, "python": platform.python_version()},
    }


def _jpeg(frame: np.ndarray, mask: np.ndarray) -> bytes:
    picture = np.full((SIDE, SIDE, 3), 110, np.uint8)
    corner = (SIDE - FACE) // 2
    inside = picture[corner : corner + FACE, corner : corner + FACE]
    inside[:] = np.where(mask > 0, frame[..., ::-1], inside)
    return cv2.imencode(".jpg", picture)[1].tobytes()


if __name__ == "__main__":
    _CLIPS = flags.DEFINE_integer("clips", 30, "clips to prepare")
    _FRAMES = flags.DEFINE_integer("frames", 70, "frames of a clip")
    _TRACKER = flags.DEFINE_string("tracker", "dlib", "one of faces.track.TRACKERS")
    cli.run(lambda: print(json.dumps(measure(_CLIPS.value, _FRAMES.value, _TRACKER.value))))
