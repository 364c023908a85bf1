"""Paint in the light of a photo: its colour, its brightness, and white teeth."""

import numpy as np

from fevgan_jax.animation import light, moving

SIDE = 64


def test_paint_is_seen_in_the_photos_light(face):
    picture, landmarks = face

    def lit(factors, colour):
        changed = np.rint(picture * np.float32(factors)).astype(np.uint8)
        return light.lit(np.float32(colour), moving.on_photo(changed, landmarks, SIDE).white)

    np.testing.assert_allclose(lit([1, 1, 1], [1, 1, 1]), 255, atol=25)
    np.testing.assert_allclose(lit([0.4, 0.4, 0.4], [1, 1, 1]), 0.4 * 255, atol=15)
    white = lit([1.0, 0.6, 0.4], [1, 1, 1])
    assert white[0] > 1.3 * white[1] > 1.3 * white[2]
    grey = lit([1.0, 0.6, 0.4], [-0.5, -0.5, -0.5])
    assert grey[0] > 1.3 * grey[1] > 1.3 * grey[2]
    bright, dark = lit([1, 1, 1], [0.6, 1, 0.8]), lit([1, 1, 1], [-0.9, -0.6, -0.8])
    assert 1 < bright[1] / bright[0] < 1.1, "teeth are white"
    assert dark[1] / dark[0] > 2


def test_grey_paint_is_warm_and_the_darker_the_warmer():
    def red_to_blue(brightness):
        made = light.lit(np.full(3, 2 * brightness - 1, np.float32), np.ones(3, np.float32))
        return made[0] / made[2]

    # 1.11 in photographs; the rest keeps the grey that it is given.
    assert 1.05 < red_to_blue(0.9) < 1.12
    assert red_to_blue(0.9) < red_to_blue(0.6) < red_to_blue(0.4) < 1.25
    np.testing.assert_allclose(red_to_blue(0.1), red_to_blue(0.2), rtol=0.05)


def test_a_window_behind_a_face_does_not_light_its_teeth(face):
    picture, landmarks = face
    inside = moving.on_photo(picture, landmarks, SIDE)
    dark = np.full_like(picture, 250)
    rows, columns = inside.box
    dark[rows, columns] = picture[rows, columns] // 4
    assert moving.on_photo(dark, landmarks, SIDE).white.max() < 0.5
    assert inside.white.min() > 0.9
