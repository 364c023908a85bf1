"""What people of synthetic_faces look like: folds, teeth, glasses, spread."""

import dataclasses

import numpy as np
import pytest

from fevgan_jax.tfds_builders.synthetic_faces import (
    camera,
    expressions,
    glasses,
    head,
    kernels,
    paint,
    render,
    shading,
    subject,
    wrinkles,
)

MODEL = head.load()
PEOPLE = [subject.make(20_000 + number) for number in range(40)]
WITH_GLASSES = [who for who in PEOPLE if np.ptp(who.vertices[MODEL.frame], axis=0).any()]


def _units(**amounts):
    units = np.zeros(len(MODEL.unit_names), np.float32)
    for name, amount in amounts.items():
        units[MODEL.unit_names.index(name)] = amount
    return units


def _darker(units):
    """How much darker than at rest the skin paint of a person is, [H, W]."""
    who = dataclasses.replace(PEOPLE[0], resting_folds=0.0, folding=1.0)
    return (who.paint.skin - who.painted(units).skin).mean(axis=-1)


@pytest.mark.parametrize(
    ("units", "place"),
    [
        ({"mouthSmileLeft": 1, "mouthSmileRight": 1}, (0.24, -0.2)),
        ({"cheekSquintLeft": 1, "cheekSquintRight": 1}, (0.55, 0.31)),
        ({"browDownLeft": 1, "browDownRight": 1}, (0.05, 0.5)),
        ({"browInnerUp": 1}, (0.0, 0.715)),
        ({"mouthShrugLower": 1}, (0.0, -0.495)),
    ],
)
def test_folds_deepen_where_the_units_press_the_skin(units, place):
    x, y = head.paint_places()
    near = np.hypot(abs(x) - place[0], y - place[1]) < 0.06
    darker = _darker(_units(**units))
    assert darker[near].max() > 0.02
    assert darker[near].max() > 3 * abs(darker[np.hypot(abs(x) - 0.3, y - 0.1) < 0.06]).max()


def test_a_fold_is_on_the_side_of_its_unit():
    darker = abs(_darker(_units(mouthSmileLeft=1)))
    middle = darker.shape[1] // 2
    assert darker[:, middle:].max() > 0.02
    assert darker[:, :middle].max() == 0
    assert MODEL.units[MODEL.unit_names.index("mouthSmileLeft"), MODEL.landmarks[54]].any()


def test_no_units_no_folds_but_age():
    np.testing.assert_array_equal(_darker(_units()), 0)
    assert set(wrinkles.UNITS) and all(
        set(expressions.sides(MODEL.unit_names, name)) <= set(MODEL.unit_names)
        for units in wrinkles.UNITS.values()
        for name in units
    )
    assert max(who.resting_folds for who in PEOPLE) > 0.05


def test_teeth_are_apart_and_have_gums():
    white = np.ones(3, np.float32)
    tooth, gap, gum, past = (
        np.array(shading._tooth(np.float32(u), np.float32(v), white))
        for u, v in ((0.5, 0.05), (1.0, 0.05), (0.5, 0.2), (1.0, 0.001))
    )
    assert gap.mean() < 0.7 * tooth.mean()
    assert past.mean() < 0.7 * gap.mean()
    assert gum[0] > 2 * gum[1]
    assert tooth.min() > 0.9


def test_teeth_are_numbered_from_the_middle_and_the_lower_row_moves_with_the_jaw():
    upper, lower = MODEL.teeth
    opened = MODEL.units[MODEL.unit_names.index("jawOpen")]
    assert len(upper) == len(lower)
    assert not opened[upper].any()
    assert opened[lower, 1].mean() < -0.1
    for row in MODEL.teeth:
        number, height = MODEL.mesh.paint_at[row].T
        np.testing.assert_allclose(number.max(), -number.min(), atol=0.1)
        assert 5 < number.max() < 10
        assert height.min() == pytest.approx(0, abs=1e-6)


def test_some_people_wear_glasses_before_their_eyes():
    assert 0.05 < len(WITH_GLASSES) / len(PEOPLE) < 0.3
    for who in WITH_GLASSES:
        frame = who.vertices[MODEL.frame]
        for rim, eye in zip((frame[:56], frame[56:112]), MODEL.eyes, strict=True):
            assert rim[:, 2].min() > who.vertices[eye, 2].max()
            inside = abs(who.vertices[eye].mean(axis=0) - rim.mean(axis=0))[:2]
            assert inside.max() < 0.1


def test_glasses_do_not_move_with_the_face_and_face_the_camera():
    assert not MODEL.units[:, MODEL.frame].any()
    who = WITH_GLASSES[0]
    still = camera.pose(MODEL, who.vertices, np.zeros(4))
    place = camera.crop(still, MODEL, 128, np.random.default_rng(0))
    points = place(still)
    traced = render.trace(MODEL.mesh, points, camera.oval(points, MODEL), 128)
    a, b, c = who.vertices[MODEL.frame][glasses.triangles()][..., :2].transpose(1, 0, 2)
    assert (np.linalg.det(np.stack([b - a, c - a], axis=1)) > 0).all()
    shown = MODEL.mesh.material[MODEL.mesh.triangles[traced.drawn, 0]] == kernels.FRAME
    assert 0.002 < (shown & (traced.drawn >= 0)).mean() < 0.1


def test_without_glasses_no_frame_is_drawn():
    bare = next(who for who in PEOPLE if not who.vertices[MODEL.frame].any())
    still = camera.pose(MODEL, bare.vertices, np.zeros(4))
    points = camera.crop(still, MODEL, 64, np.random.default_rng(0))(still)
    traced = render.trace(MODEL.mesh, points, camera.oval(points, MODEL), 64)
    drawn = traced.drawn[traced.drawn >= 0]
    assert not (MODEL.mesh.material[MODEL.mesh.triangles[drawn, 0]] == kernels.FRAME).any()
    assert len(MODEL.frame) == glasses.NUM_VERTICES


def test_people_move_each_unit_in_their_own_way():
    strengths = np.stack([who.strength for who in PEOPLE])
    assert strengths.shape == (len(PEOPLE), len(MODEL.unit_names))
    assert 0.9 < strengths.mean() < 1.1
    assert (strengths.std(axis=0) > 0.07).all()
    assert (strengths.std(axis=1) > 0.05).all()


def test_traits_are_seen_in_the_paint():
    plain = paint.Traits(
        skin=np.array([0.8, 0.6, 0.5]), hair=np.array([0.1, 0.1, 0.1]),
        lips=np.array([0.7, 0.4, 0.4]), brow_colour=np.array([0.1, 0.1, 0.1]),
        brow_lift=0, brow_arch=0, brow_tilt=0, brow_width=0.03, brow_gap=0, brow_density=0.8,
        hairline=0.9, hairline_peak=0, beard=0, goatee=0, moustache=0, blush=0, freckles=0,
        liner=0.6, eye_shadow=np.array([0.2, 0.2, 0.8]), eye_shadow_cover=0, moles=0, seed=3,
    )  # fmt: skip
    x, y = head.paint_places()

    def changed_at(place, **traits):
        there = np.hypot(abs(x) - place[0], y - place[1]) < 0.02
        before, after = paint.skin(plain), paint.skin(dataclasses.replace(plain, **traits))
        return abs(before - after)[there].mean()

    chin, lip, cheek, lid = (0, -0.58), (0.1, -0.2), (0.5, -0.35), (0.31, 0.4)
    assert changed_at(cheek, beard=0.9) > 0.1
    assert changed_at(chin, goatee=0.9) > 0.1
    assert changed_at(lip, moustache=0.9) > 0.1
    assert changed_at(lid, eye_shadow_cover=0.6) > 0.05
    assert changed_at((0.3, 0.5), brow_lift=0.08) > 0.05
    assert changed_at(cheek, goatee=0.9) < 1e-3


def test_light_comes_from_many_sides():
    lights = [subject.light(np.random.default_rng(seed)) for seed in range(200)]
    across = np.array([light["light"][0] for light in lights])
    assert across.min() < -0.6
    assert across.max() > 0.6
    np.testing.assert_allclose([np.linalg.norm(light["light"]) for light in lights], 1, rtol=1e-5)
