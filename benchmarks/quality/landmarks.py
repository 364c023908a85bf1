"""What can MotionGAN's pictures reach, and which of its two steps keeps them from it?

    python benchmarks/quality/landmarks.py --workdir=runs/tables/texturegan

Gives the texture step of a run three motions of the landmarks of test clips: its own, the real one,
and the real one without place and size, as MotionGAN knows it. Prints as JSON, for each: what share
of the landmarks' and of the pixels' motion it reproduces (as `metrics.image.motion` counts), how
far the landmarks move for one pixel of real motion, and how often the evaluation's classifier reads
the right expression in the pictures.
"""

import json
from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from fevgan_jax.evaluation import sample
from fevgan_jax.evaluation.recognition import train_classifier
from fevgan_jax.metrics import image, statistics
from fevgan_jax.models import motiongan
from fevgan_jax.runtime import cli
from fevgan_jax.training import trained
from fevgan_jax.training.datasets import open_evaluated
from fevgan_jax.training.sampling import clip_keys, make_sample_step


def without_place_and_size(landmarks: jax.Array) -> jax.Array:
    """Each frame's shape at the first frame's centre and size, `[B, T, 68, 2]` in pixels."""
    centre, size, shape = motiongan.normalised(landmarks)
    return shape.reshape(landmarks.shape) * size[:, :1] + centre[:, :1]


def textured(
    model: trained.Trained, clips: Mapping[str, np.ndarray], keys: jax.Array, landmarks: jax.Array
) -> jax.Array:
    """The pictures uint8 `[B, T, H, W, 3]` of given landmarks in place of MotionGAN's."""

    def given(call, args, kwargs, context):
        if isinstance(context.module, motiongan.Generator):
            return {"landmarks": landmarks}
        return call(*args, **kwargs)

    sample_step = jax.jit(make_sample_step(model.family))
    with nn.intercept_methods(given):
        return sample_step(model.state.sampler.variables, model.frozen, clips, keys)


def measure(workdir: str, data_dir: str | None, count: int) -> dict:
    """All that this module's docstring says."""
    model = trained.load(workdir)
    config = model.config
    config.data.data_dir = config.data.data_dir if data_dir is None else data_dir
    source = open_evaluated(config, config.eval.split)
    subjects = [subject for subject, _ in source.names]
    chosen = sample.balanced(source.labels, subjects, count, config.eval.seed)
    rows = [source.read(int(number), ("video", "landmarks")) for number in chosen]
    video, real = (np.stack([row[name] for row in rows]) for name in ("video", "landmarks"))
    clips = {"photo": video[:, 0], "photo_landmarks": real[:, 0], "label": source.labels[chosen]}
    keys = clip_keys(config.eval.seed, [source.names[number][1] for number in chosen])
    condition = model.family.condition(model.family.examples(clips), model.frozen, keys, 1.0)
    outputs = model.family.generator.apply(
        model.state.sampler.variables, condition, train=False, rngs={"params": jax.random.key(0)}
    )
    motions = {
        "own": outputs["landmarks"],
        "real": jnp.asarray(real),
        "real, without place and size": without_place_and_size(jnp.asarray(real)),
    }
    read = train_classifier(config, model.family)
    people = [subjects[number] for number in chosen]
    report = {"clips": len(chosen), "step": int(model.state.step)}
    for name, landmarks in motions.items():
        pictures = textured(model, clips, keys, landmarks)
        report[name] = {
            "landmarks": share(image.motion(real[..., None], landmarks[..., None]), people),
            "distance": round(float(travelled(landmarks) / travelled(real)), 3),
            "recognised": share(read(np.asarray(pictures)) == clips["label"], people),
            "pixels": share(image.motion(video / 255.0, pictures / 255.0), people),
        }
    return report


def travelled(landmarks: jax.Array) -> jax.Array:
    """Root of the mean square of the way from the first frame, in pixels."""
    return jnp.sqrt(jnp.square(landmarks - landmarks[:, :1]).mean())


def share(values: jax.Array, subjects: Sequence[str]) -> dict[str, float]:
    """The mean over clips, with an interval over subjects."""
    found = statistics.mean(np.asarray(values), subjects)
    return {name: round(getattr(found, name), 4) for name in ("mean", "low", "high")}


if __name__ == "__main__":
    _WORKDIR = flags.DEFINE_string("workdir", None, "a run of texturegan", required=True)
    _DATA_DIR = flags.DEFINE_string("data_dir", None, "the prepared set, if not the run's")
    _CLIPS = flags.DEFINE_integer("clips", 72, "how many clips", lower_bound=2)
    cli.run(
        lambda: print(json.dumps(measure(_WORKDIR.value, _DATA_DIR.value, _CLIPS.value), indent=1))
    )
