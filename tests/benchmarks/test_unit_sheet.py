"""benchmarks/quality/unit_sheet.py: each unit on a photo, by its name."""

import pathlib

import numpy as np
import pytest
import skimage.data
from PIL import Image

from fevgan_jax.animation import model
from fevgan_jax.runtime.errors import UserError


@pytest.fixture
def unit_sheet(monkeypatch):
    folder = pathlib.Path(__file__).parents[2] / "benchmarks" / "quality"
    monkeypatch.syspath_prepend(str(folder))
    import unit_sheet

    return unit_sheet


def test_a_square_is_the_photos_face_or_what_its_unit_makes_of_it(unit_sheet, tmp_path):
    path = tmp_path / "me.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    made = dict(unit_sheet.faces(model.load(), str(path), ("jawOpen", "browInnerUp"), 1.0, 96))
    assert list(made) == ["photo", "jawOpen", "browInnerUp"]
    assert all(picture.shape == (96, 96, 3) for picture in made.values())
    change = {
        name: np.abs(each.astype(int) - made["photo"]).mean(-1) for name, each in made.items()
    }
    assert change["jawOpen"][60:].mean() > 2 * change["browInnerUp"][60:].mean()
    assert change["jawOpen"][60:].mean() > 2 * change["jawOpen"][:40].mean()


def test_what_a_unit_needs_is_made_with_it(unit_sheet):
    assert unit_sheet.asked("browInnerUp", 2.0) == {"browInnerUp": 2.0}
    assert unit_sheet.asked("tongueOut", 0.5) == {"tongueOut": 0.5, "jawOpen": 0.2}
    assert unit_sheet.asked("eyeLookInLeft") == {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}
    assert unit_sheet.asked("eyeLookUpRight") == {"eyeLookUpRight": 1.0, "eyeLookUpLeft": 1.0}


@pytest.mark.parametrize(("name", "message"), [("a.gif", "is no picture"), ("b", "is no picture")])
def test_a_sheet_that_cannot_be_written_is_told_first(unit_sheet, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        unit_sheet.main("none.jpg", str(tmp_path / name), None, 1.0)


def test_squares_stand_in_rows_with_their_names_below(unit_sheet):
    tiles = [(str(i), np.full((20, 20, 3), 10 * i, np.uint8)) for i in range(1, 6)]
    whole = np.asarray(unit_sheet.sheet(tiles, 3))
    assert whole.shape == (2 * 38, 60, 3)
    for i in range(5):
        row, column = divmod(i, 3)
        square = whole[38 * row : 38 * row + 20, 20 * column : 20 * column + 20]
        assert (square == 10 * (i + 1)).all()
        assert whole[38 * row + 20 : 38 * row + 38, 20 * column : 20 * column + 20].min() < 128
    assert (whole[38:, 40:] == 255).all()
