"""faces/: reading, finding, aligning and masking, and one sentence for each bad input."""

import struct
import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from fevgan_jax import faces
from fevgan_jax.faces import crop, detect, photo
from fevgan_jax.runtime.errors import UserError


@pytest.fixture(scope="module")
def astronaut():
    # The part with the face, for speed.
    return skimage.data.astronaut()[:300, 80:380]


@pytest.fixture(scope="module")
def reference(astronaut, tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return faces.prepare_photo(path)


@pytest.fixture
def without_dlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    detect._dlib.cache_clear()
    yield
    detect._dlib.cache_clear()


def difference(first, second):
    return np.abs(first.astype(float) - second).mean()


def layout_in_pixels(size):
    """A face `[68, 2]` whose parts are all at their positions in the layout."""
    points = np.zeros((68, 2))
    for name, place in crop.LAYOUT.items():
        points[list(crop._LANDMARKS[name])] = np.array(place) * size
    return points


def test_a_photo_becomes_an_aligned_oval_on_black(astronaut, reference):
    assert reference.shape == (64, 64, 3)
    assert reference.dtype == np.uint8
    assert (reference[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    inside = reference.any(-1)
    assert inside[8:54, 24:40].all()
    assert 0.4 < inside.mean() < 0.7
    (landmarks,) = detect.landmarks(astronaut)
    moved = crop.move(landmarks, crop.align(landmarks, 64)) / 64
    for name, place in crop.LAYOUT.items():
        assert np.abs(moved[list(crop._LANDMARKS[name])].mean(0) - place).max() < 0.03, name


def test_the_crop_does_not_depend_on_where_the_face_is(astronaut, reference, tmp_path):
    turned = Image.fromarray(astronaut).rotate(12, Image.Resampling.BICUBIC).resize((400, 400))
    turned.save(tmp_path / "turned.png")
    assert difference(faces.prepare_photo(tmp_path / "turned.png"), reference) < 8
    assert difference(np.roll(reference, 3, axis=0), reference) > 8


def test_other_sizes(astronaut, reference, tmp_path):
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    large = faces.prepare_photo(tmp_path / "astronaut.png", image_size=128)
    assert large.shape == (128, 128, 3)
    assert difference(np.asarray(Image.fromarray(large).reduce(2)), reference) < 2


@pytest.mark.parametrize(
    "kind", ["grey", "16 bit", "palette", "clear", "CMYK", "turned", "animated"]
)
def test_pictures_of_every_kind(kind, astronaut, tmp_path):
    image = Image.fromarray(astronaut)
    expected, tolerance = astronaut, 1
    path, options = tmp_path / "photo.png", {}
    match kind:
        case "grey":
            image = image.convert("L")
            expected = np.asarray(image)[..., None]
        case "16 bit":
            grey = np.asarray(image.convert("L"))
            image = Image.fromarray(grey.astype(np.uint16) * 257)
            expected = grey[..., None]
        case "palette":
            image, tolerance = image.quantize(256), 8
        case "clear":
            alpha = np.full((300, 300), 255, np.uint8)
            alpha[:50] = 0
            image.putalpha(Image.fromarray(alpha))
            expected = np.where(alpha[..., None] > 0, astronaut, 0)
        case "CMYK":
            path, image, tolerance = tmp_path / "photo.tiff", image.convert("CMYK"), 2
        case "turned":
            exif = Image.Exif()
            exif[0x0112] = 6  # turn by 90 degrees, clockwise, to look at it
            path, tolerance = tmp_path / "photo.jpg", 4
            image = image.transpose(Image.Transpose.ROTATE_90)
            options = {"exif": exif, "quality": 95}
        case "animated":
            path, tolerance = tmp_path / "photo.gif", 8
            options = {"save_all": True, "append_images": [Image.new("RGB", image.size)]}
    image.save(path, **options)
    got = photo.read(path)
    assert got.shape == (300, 300, 3)
    assert got.dtype == np.uint8
    assert difference(got, expected) < tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_may_be_held_in_any_way(orientation, astronaut, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(astronaut[:200]).save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(photo.read(tmp_path / "photo.png"), upright)


def test_damaged_tags_do_not_stop_a_good_photo(astronaut, tmp_path):
    path = tmp_path / "photo.jpg"
    tags = struct.pack("<HHIHH", 0x112, 3, 1, 6, 0)  # held upright
    tags += struct.pack("<HHI4s", 0x11A, 2, 4, b"abc")  # a resolution in letters
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    Image.fromarray(astronaut[:200]).save(path, exif=exif)
    assert photo.read(path).shape == (300, 200, 3)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_picture_is_read_reduced(ending, astronaut, tmp_path):
    image = Image.fromarray(astronaut).resize((300, 301))
    image.save(tmp_path / f"photo.{ending}", quality=95)
    got = photo.read(tmp_path / f"photo.{ending}", reduction=2)
    expected = np.asarray(image.reduce(2))
    assert got.shape == expected.shape
    assert difference(got, expected) < 2


def test_a_finished_crop_passes_unchanged_without_dlib(reference, tmp_path, without_dlib):
    Image.fromarray(reference).save(tmp_path / "crop.png")
    np.testing.assert_array_equal(faces.prepare_photo(tmp_path / "crop.png"), reference)


def test_missing_dlib_is_named_with_its_command(astronaut, tmp_path, without_dlib):
    Image.fromarray(astronaut).save(tmp_path / "astronaut.png")
    with pytest.raises(UserError, match=r'dlib.*pip install "fevgan_jax\[faces\]"'):
        faces.prepare_photo(tmp_path / "astronaut.png")


def test_no_face(tmp_path):
    Image.fromarray(skimage.data.chelsea()).save(tmp_path / "cat.png")
    with pytest.raises(UserError, match=r"cat\.png: no face"):
        faces.prepare_photo(tmp_path / "cat.png")


def test_one_of_two_faces(astronaut, reference, tmp_path):
    Image.fromarray(np.hstack([astronaut[:, ::-1], astronaut])).save(tmp_path / "pair.png")
    assert difference(faces.prepare_photo(tmp_path / "pair.png", which="2"), reference) < 5
    assert difference(faces.prepare_photo(tmp_path / "pair.png", which="1"), reference) > 8
    with pytest.raises(UserError, match="shows 2 faces, and a crop shows one: give --face=largest"):
        faces.prepare_photo(tmp_path / "pair.png", which="all")


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty", "cut off", "huge", "avif"])
def test_unreadable_files_are_named(kind, astronaut, tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_text("no picture")
        case "empty":
            path.touch()
        case "avif":
            Image.fromarray(astronaut).save(path, "AVIF")
            start, end = path.read_bytes().split(b"mdat", 1)
            path.write_bytes(start + b"mdat" + bytes(200) + end[200:])
        case "cut off":
            Image.fromarray(astronaut).save(path)
            path.write_bytes(path.read_bytes()[:20_000])
        case "huge":
            Image.fromarray(astronaut).save(path)
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"photo\.png.*;"):
        faces.prepare_photo(path)


def test_align_undoes_any_similarity():
    target = layout_in_pixels(64)
    angle, scale, shift = 0.4, 3.7, (200, 90)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = target @ turn.T + shift
    np.testing.assert_allclose(crop.move(source, crop.align(source, 64)), target, atol=1e-9)


def test_warp_keeps_places():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 16, 3), np.uint8)
    same = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(crop.warp(image, same, 16), image)
    left = np.array([[1.0, 0, -4], [0, 1, 0]])
    np.testing.assert_array_equal(crop.warp(image, left, 16)[:, :12], image[:, 4:])
    assert (crop.warp(image, left, 16)[:, 12:] == 0).all()
    half = np.array([[0.5, 0, 0], [0, 0.5, 0]])
    blocks = image.reshape(8, 2, 8, 2, 3).mean((1, 3))
    assert np.abs(crop.warp(image, half, 8) - blocks).max() <= 1


def test_warp_does_not_alias():
    rows, columns = np.indices((256, 256))
    checks = (255 * ((rows + columns) % 2)).astype(np.uint8)[..., None].repeat(3, -1)
    shrink = np.array([[0.23, 0, 0.1], [0, 0.23, 0.1]])
    inner = crop.warp(checks, shrink, 58)[2:-2, 2:-2]
    assert np.abs(inner.astype(float) - 127.5).max() < 25


def test_coverage_is_the_share_of_each_pixel():
    square = np.array([[2.5, 3], [6, 3], [6, 5.25], [2.5, 5.25]])
    got = crop.coverage(square, 8)[..., 0]
    expected = np.zeros((8, 8))
    expected[3:5, 2:6] = 1
    expected[5, 2:6] = 0.25
    expected[:, 2] *= 0.5
    # Pillow draws a polygon's edge too: a sixteenth of a pixel.
    np.testing.assert_allclose(got, expected, atol=0.07)
    assert got[4, 4] == 1
    assert got[:2].max() == 0


def test_oval_encloses_the_face(astronaut):
    (landmarks,) = detect.landmarks(astronaut)
    outline = crop.oval(landmarks)
    assert outline[:, 1].min() < landmarks[17:27, 1].min()
    assert outline[:, 1].max() == landmarks[:17, 1].max()
    assert outline[:, 0].min() >= landmarks[:, 0].min() - 1
