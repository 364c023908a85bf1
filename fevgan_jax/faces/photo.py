"""From a user's photo to the crop that a generator takes."""

import os
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from fevgan_jax.faces import crop, find
from fevgan_jax.runtime.errors import UserError

# ISO base media files of these brands are HEIF pictures, which Pillow reads by a plug-in.
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_DARK, _BRIGHT = 30, 235
"""Grey values: a photo is accepted if a hundredth of its pixels is brighter than the first, and a
hundredth darker than the second (choice: in 60 portraits these are 226 and more, and 82 and
less)."""
_SMALLEST = 16
"""Sides of a picture below this show no face, in pixels."""
_BLACK = 16
"""What JPEG makes of a finished crop's black corners is darker."""
_ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held."""
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What makes a picture upright, by that tag's value (forced: EXIF 2.32)."""


def read(path: str | os.PathLike, reduction: int = 1) -> np.ndarray:
    """Reads a picture of any common kind: grey, 16 bit, palette, transparent, rotated or animated.

    Args:
      path: The file. Transparent parts become black; an animation's first frame is taken; the EXIF
        orientation is applied.
      reduction: 1, 2, 4 or 8, by which the sides are divided. JPEG's decoder reduces as it
        decodes, which saves most of its time.

    Returns:
      uint8 `[H, W, 3]` RGB.

    Raises:
      UserError: The file is missing, not a picture, damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            # Photos between Pillow's warning and its hard limit are accepted.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            _open_heif(path)
            with Image.open(path) as image:
                drafted = image.draft(None, (image.width // reduction, image.height // reduction))
                # Pillow's own exif_transpose writes all tags anew, and fails where one is damaged.
                turn = _TURNED.get(image.getexif().get(_ORIENTATION))
                upright = image if turn is None else image.transpose(turn)
                rgb = _to_rgb(upright)
                return rgb if drafted else np.asarray(Image.fromarray(rgb).reduce(reduction))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such photo; check the path.") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; give one photo in it.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} has too many pixels for a photo; give a smaller one.") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a picture; give a JPEG, PNG or HEIC photo.") from error
    # Pillow's readers raise these and others on truncated or damaged files.
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); save it again as JPEG or PNG."
        ) from error


def _open_heif(path: str | os.PathLike) -> None:
    """Registers Pillow's HEIF plug-in if the file is a HEIF picture, as phones make."""
    with open(path, "rb") as file:
        start = file.read(12)
    if start[4:8] == b"ftyp" and start[8:] in _HEIF:
        import pillow_heif

        pillow_heif.register_heif_opener()


def check(image: np.ndarray, path: str | os.PathLike) -> None:
    """Refuses a photo that is nearly black or white, or too small for a face.

    Args:
      image: uint8 `[H, W, 3]`.
      path: the photo's name in messages.

    Raises:
      UserError: it is nearly black, nearly white or too small.
    """
    height, width = image.shape[:2]
    if min(height, width) < _SMALLEST:
        raise UserError(f"{path} has {width}x{height} pixels, too few for a face: give more.")
    low, high = np.percentile(image[::2, ::2].mean(-1), [1, 99])
    for failed, word, mend in (
        (high < _DARK, "black", "with more light"),
        (low > _BRIGHT, "white", "with less light"),
    ):
        if failed:
            raise UserError(f"{path} is nearly {word} all over; give a photo {mend}.")


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        # 16-bit grey, which Pillow's own conversion would clip at 255.
        grey = (np.asarray(image, np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("RGB"))


def prepare_photo(
    path: str | os.PathLike, image_size: int = 64, which: str = "largest"
) -> np.ndarray:
    """Finds a face in a photo and crops it as the training clips are cropped.

    Args:
      path: The photo. A finished crop, see `is_finished`, is returned unchanged; this needs no
        dlib.
      image_size: Side of the crop.
      which: The face, as in `find.choose`.

    Returns:
      uint8 `[image_size, image_size, 3]`, an aligned face oval on black.

    Raises:
      UserError: The file cannot be read, fails `check`, or shows no such face.
    """
    image = read(path)
    check(image, path)
    if is_finished(image, image_size):
        return image
    return _cropped(image, path, image_size, which)["photo"]


def prepare_face(
    path: str | os.PathLike, image_size: int = 64, which: str = "largest"
) -> dict[str, np.ndarray]:
    """Makes the crop of `prepare_photo` together with its landmarks; this always needs dlib.

    Args:
      path: The photo, or a finished crop, in which the face is then found.
      image_size: Side of the crop.
      which: The face, as in `find.choose`.

    Returns:
      `photo` uint8 `[image_size, image_size, 3]`, and `photo_landmarks` float32 `[68, 2]` in its
      pixels.

    Raises:
      UserError: The file cannot be read, fails `check`, or shows no such face.
    """
    image = read(path)
    check(image, path)
    if is_finished(image, image_size):
        landmarks = _one_face(image, path, which).astype(np.float32)
        return {"photo": image, "photo_landmarks": landmarks}
    return _cropped(image, path, image_size, which)


def is_finished(image: np.ndarray, image_size: int) -> bool:
    """Whether a picture is a finished crop: of this size, with black corners around an oval."""
    corners = image[[0, 0, -1, -1], [0, -1, 0, -1]]
    return image.shape[:2] == (image_size, image_size) and corners.max() < _BLACK


def _one_face(image: np.ndarray, path: str | os.PathLike, which: str) -> np.ndarray:
    chosen = find.choose(find.faces(image), which, path)
    if len(chosen) > 1:
        raise UserError(
            f"{path} shows {len(chosen)} faces, and a crop shows one: give --face=largest, or the "
            "number of one of them."
        )
    return chosen[0].landmarks


def _cropped(
    image: np.ndarray, path: str | os.PathLike, size: int, which: str
) -> dict[str, np.ndarray]:
    landmarks = _one_face(image, path, which)
    to_crop = crop.align(landmarks, size)
    return {
        "photo": crop.face(image, landmarks, to_crop, size),
        "photo_landmarks": crop.move(landmarks, to_crop).astype(np.float32),
    }
