"""Face units: the head model's order, presets, blends, plain words and the course of time."""

import numpy as np
import pytest

from fevgan_jax import EXPRESSIONS
from fevgan_jax.faces import units
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.tfds_builders.synthetic_faces import expressions, head


def test_the_units_are_the_head_models():
    assert tuple(head.load().unit_names) == units.NAMES
    assert units.SIZE == 56


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_preset_is_what_the_renderer_does(name):
    target = units.preset(name)
    rendered = expressions.preset(head.load().unit_names, name)
    np.testing.assert_array_equal(target[:52], rendered)
    motion = target[52:] / expressions.HEAD_SCALE
    np.testing.assert_allclose(motion, expressions.HEAD[name], rtol=1e-6)


def test_neutral_asks_for_nothing():
    np.testing.assert_array_equal(units.preset("neutral"), np.zeros(56))


@pytest.mark.parametrize(
    ("word", "name"),
    [("happy", "happiness"), ("Angry", "anger"), (" scared ", "fear"), ("sad", "sadness")],
)
def test_plain_words(word, name):
    assert units.known(word) == name


def test_every_word_stands_for_an_expression():
    for word, name in units.WORDS.items():
        assert name in (*EXPRESSIONS, "neutral")
        assert word not in EXPRESSIONS


def test_a_blend_adds_its_parts():
    name, target = units.parse_expression("happy:0.7,surprise:0.3")
    assert name == "happiness-0.7_surprise-0.3"
    expected = 0.7 * units.preset("happiness") + 0.3 * units.preset("surprise")
    np.testing.assert_allclose(target, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["jaw", "mouth"])
def test_what_goes_to_one_side_needs_its_side(name):
    with pytest.raises(UserError, match=f"write {name}Left or {name}Right"):
        units.target({name: 1.0})


def test_units_without_a_side_move_both():
    name, target = units.parse_units("jawOpen:0.5,browDown:1,mouthSmileLeft:.25")
    assert name == "jawOpen-0.5_browDown-1_mouthSmileLeft-0.25"
    there = {units.NAMES[i]: target[i] for i in np.flatnonzero(target)}
    assert there == {
        "browDownLeft": 1.0,
        "browDownRight": 1.0,
        "jawOpen": 0.5,
        "mouthSmileLeft": 0.25,
    }


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (units.parse_expression, "hapiness", "no expression 'hapiness'.*'happiness'"),
        (
            units.parse_expression,
            "happiness:0.7,joyy:1",
            "'joyy': did you mean 'joy'",
        ),
        (units.parse_expression, "happiness:0.7,surprise", "'surprise' is not a name with an am"),
        (units.parse_expression, "happiness:much", "NAME:NUMBER"),
        (units.parse_units, "jawOpn:1", "no face unit 'jawOpn'.*'jawOpen'"),
        (units.parse_units, "jawOpen", "NAME:NUMBER"),
        (units.parse_units, "jawOpen:inf", "NAME:NUMBER"),
        (units.parse_units, "jawOpen:1e38", "amount of at most 10"),
        (units.parse_expression, "happy,sadness:0.5", "names without a number in a flag of their"),
    ],
)
def test_bad_words_get_one_sentence(read, text, message):
    with pytest.raises(UserError, match=message):
        read(text)


def test_a_wrong_word_gets_each_known_name_once():
    own = {"anger": units.preset("anger"), "wink": units.preset("joy")}
    with pytest.raises(UserError) as told:
        units.parse_expression("xyz", own)
    assert str(told.value).count("anger,") == 1


def test_names_for_the_same_are_added():
    _, once = units.parse_expression("happiness:0.75")
    for text in ("happy:0.5,joy:0.25", "happy:0.5,happy:0.25"):
        name, target = units.parse_expression(text)
        assert name == "happiness-0.75"
        np.testing.assert_array_equal(target, once)


def test_a_long_name_is_cut_and_stays_its_own():
    amounts = [f"{name}:0.11" for name in units.NAMES[:40]]
    names = {units.parse_units(",".join(amounts[:count]))[0] for count in (39, 40)}
    assert len(names) == 2
    assert max(map(len, names)) < 120


def test_a_mirrored_target_is_its_own_mirror():
    _, target = units.parse_units("mouthSmileLeft:1,jawLeft:0.5,jawOpen:0.2")
    target[52:] = [1, 2, 3, 4]
    mirrored = units.mirror(target)
    assert mirrored[units.NAMES.index("mouthSmileRight")] == 1
    assert mirrored[units.NAMES.index("jawRight")] == 0.5
    assert mirrored[units.NAMES.index("jawOpen")] == np.float32(0.2)
    np.testing.assert_array_equal(mirrored[52:], [1, -2, -3, 4])
    np.testing.assert_array_equal(units.mirror(mirrored), target)


def test_the_course_rises_from_the_photo_to_the_apex():
    course = units.course(32)
    assert (course[0], course[-1]) == (0, 1)
    assert (np.diff(course) >= 0).all()


def test_a_loop_returns_to_where_it_began():
    course = units.course(32, loop=True)
    assert (course[0], course[16]) == (0, 1)
    np.testing.assert_allclose(course[1:], course[:0:-1], atol=1e-6)
    assert course[-1] < 0.05
