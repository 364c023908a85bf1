"""Raw clips of rendered people, uncropped and with a background, for tests of preparation."""

import functools

import numpy as np
from PIL import Image

from fevgan_jax.tfds_builders.synthetic_faces import clip

HEIGHT, WIDTH, FACE = 240, 320, 200
LEFT, TOP = 60, 20
WALL = 110


@functools.cache
def frames(person=20_000, expression="happiness", count=5):
    """uint8 `[count, HEIGHT, WIDTH, 3]`, a head before a grey wall, from neutral to apex."""
    chosen = tuple(np.linspace(0, clip.NUM_FRAMES - 1, count).astype(int))
    drawn = clip.render_subject(person, expression, FACE, chosen=chosen)
    made = np.full((count, HEIGHT, WIDTH, 3), WALL, np.uint8)
    face = np.where(drawn["mask"] > 0, drawn["video"], WALL)
    made[:, TOP : TOP + FACE, LEFT : LEFT + FACE] = face
    return made


@functools.cache
def landmarks(person=20_000, expression="happiness", count=5):
    """float32 `[count, 68, 2]` in the pixels of `frames`."""
    chosen = tuple(np.linspace(0, clip.NUM_FRAMES - 1, count).astype(int))
    drawn = clip.render_subject(person, expression, FACE, chosen=chosen)
    return drawn["landmarks"] + np.float32([LEFT, TOP])


def write(folder, pictures, pattern="img_{:04d}.jpg", first=0):
    """Writes pictures as the numbered frames of a clip."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, first):
        Image.fromarray(picture).save(folder / pattern.format(number), quality=95)
