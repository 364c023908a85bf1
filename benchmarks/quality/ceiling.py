"""How much of a rendered clip do its photo and label tell?

    python benchmarks/quality/ceiling.py --people=24

Renders the six clips of people twice: as `synthetic_faces` has them, and without what is drawn for
a person or a clip and does not show in the photo: the drift of the head, and how far and how fast
this person makes the expression. Prints as JSON what the second reproduces of the first: the share
of motion and the PSNR of a generator that knows the face as well as the renderer does. One that
blurs what it cannot know can have a higher PSNR.
"""

import dataclasses
import json
from unittest import mock

import landmarks
import numpy as np
from absl import flags

from fevgan_jax import EXPRESSIONS
from fevgan_jax.evaluation import clip_metrics
from fevgan_jax.faces import units
from fevgan_jax.metrics import image
from fevgan_jax.runtime import cli
from fevgan_jax.tfds_builders.synthetic_faces import clip, subject

FIRST_SUBJECT = 40_000_000  # of people in none of the prepared sets


def average(subject_id: int) -> subject.Subject:
    """This person, who makes an expression as far and as fast as people do on average."""
    who = subject.make(subject_id)
    return dataclasses.replace(who, strength=np.ones_like(who.strength), onset=units.ONSET)


def measure(people: int) -> dict:
    """The means over the clips of so many people, with intervals over people."""
    subjects, motion, psnr = [], [], []
    for subject_id in range(FIRST_SUBJECT, FIRST_SUBJECT + people):
        for expression in EXPRESSIONS:
            real = clip.render_subject(subject_id, expression)["video"] / 255.0
            with mock.patch.object(clip, "person", average):
                told = clip.render_subject(subject_id, expression, head_motion=0.0)["video"] / 255.0
            subjects.append(clip.subject_name(subject_id))
            motion.append(image.motion(real[None], told[None])[0])
            psnr.append(np.minimum(image.psnr(real, told), clip_metrics.PSNR_CAP).mean())
    found = {"motion": motion, "psnr": psnr}
    return {"clips": len(subjects), "people": people} | {
        name: landmarks.share(values, subjects) for name, values in found.items()
    }


if __name__ == "__main__":
    _PEOPLE = flags.DEFINE_integer("people", 24, "how many people are rendered", lower_bound=2)
    cli.run(lambda: print(json.dumps(measure(_PEOPLE.value), indent=1)))
