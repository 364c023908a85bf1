"""Measures by dlib's descriptor whether generated faces keep the photo's identity.

    python benchmarks/quality/identity.py --workdir=runs/demo --data_dir=data

For each test clip the last frame, generated and real, is compared with the neutral frames of all
test subjects. Prints as JSON how often the nearest one is its own subject's. Every face is aligned
by the landmarks of its clip's neutral frame, so that real and generated frames have the same crop.
"""

import json

import dlib
import face_recognition_models as models
import numpy as np
from absl import flags

from fevgan_jax.data import prepared
from fevgan_jax.metrics import identity
from fevgan_jax.run import media
from fevgan_jax.runtime import cli
from fevgan_jax.training import trained
from fevgan_jax.training.sampling import clip_keys

SCALE = 4
"""Enlarges crops of 64 pixels to dlib's chips of 150."""


def descriptors(net, frames: np.ndarray, landmarks: np.ndarray, scale: int = SCALE) -> np.ndarray:
    """Descriptors `[N, 128]` of frames `[N, H, W, 3]`, aligned by landmarks `[N, 68, 2]`.

    The frames are enlarged by `scale` first.
    """
    height, width = (scale * side for side in frames.shape[1:3])
    found = []
    for frame, points in zip(media.enlarge(frames, scale), scale * landmarks, strict=True):
        shape = dlib.full_object_detection(
            dlib.rectangle(0, 0, width, height),
            [dlib.point(*map(round, map(float, p))) for p in points],
        )
        found.append(np.array(net.compute_face_descriptor(np.ascontiguousarray(frame), shape)))
    return np.stack(found)


def measure(workdir: str, data_dir: str | None, num_subjects: int) -> dict:
    """Retrieval rates over the first `num_subjects` test subjects."""
    model = trained.load(workdir)
    config = model.config
    source = prepared.open_source(
        config.data.data_dir if data_dir is None else data_dir, config.data.dataset, "test"
    )
    subjects = source.subjects[:num_subjects]
    chosen = [i for i, (subject, _) in enumerate(source.names) if subject in subjects]
    clips = [source[i] for i in chosen]
    owner = np.array([subjects.index(source.names[i][0]) for i in chosen])
    landmarks = np.stack([clip["landmarks"][0] for clip in clips])
    neutral = np.stack([clip["video"][0] for clip in clips])
    labels = np.array([clip["label"] for clip in clips], np.int32)
    batches = [
        slice(start, start + config.eval.batch_size)
        for start in range(0, len(clips), config.eval.batch_size)
    ]
    generated = np.concatenate(
        [
            model.sample(
                {"photo": neutral[rows], "label": labels[rows]},
                clip_keys(config.seed, [clip["clip"] for clip in clips[rows]]),
            )[:, -1]
            for rows in batches
        ]
    )
    net = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    first = np.array([np.flatnonzero(owner == subject)[0] for subject in range(len(subjects))])
    gallery = descriptors(net, neutral[first], landmarks[first])
    rates = {
        name: float(identity.retrieval(descriptors(net, frames, landmarks), gallery, owner))
        for name, frames in (
            ("generated", generated),
            ("real", np.stack([clip["video"][-1] for clip in clips])),
        )
    }
    ratio = rates["generated"] / rates["real"]
    return {"subjects": len(subjects), "clips": len(clips), **rates, "ratio": ratio}


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a trained run", required=True)
    _DATA_DIR = flags.DEFINE_string("data_dir", None, "where the prepared set is")
    _SUBJECTS = flags.DEFINE_integer("subjects", 48, "test subjects, at most")
    cli.run(lambda: print(json.dumps(measure(_WORKDIR.value, _DATA_DIR.value, _SUBJECTS.value))))
