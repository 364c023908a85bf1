"""From a user's photo to the crop that a generator takes."""

import os
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fevgan_jax.faces import crop, detect
from fevgan_jax.runtime.errors import UserError

# Enough for a crop of 64 or 128 pixels; detection takes a tenth of a second.
_LONGEST_SIDE = 1024


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
            with Image.open(path) as image:
                drafted = image.draft(None, (image.width // reduction, image.height // reduction))
                ImageOps.exif_transpose(image, in_place=True)
                rgb = _to_rgb(image)
                return rgb if drafted else np.asarray(Image.fromarray(rgb).reduce(reduction))
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such photo; check the path.") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; give one photo in it.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} has too many pixels for a photo; give a smaller one.") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is not a picture; give a JPEG or PNG photo.") from error
    # Pillow's readers raise these and others on truncated or damaged files.
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); save it again as JPEG or PNG."
        ) from error


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        # 16-bit grey, which Pillow's own conversion would clip at 255.
        grey = (np.asarray(image, np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    return np.asarray(image.convert("RGB"))


def prepare_photo(path: str | os.PathLike, image_size: int = 64) -> np.ndarray:
    """Finds the one face in a photo and crops it as the training clips are cropped.

    Args:
      path: The photo. One of `image_size` x `image_size` pixels is taken for a finished crop and
        returned unchanged; this needs no dlib.
      image_size: Side of the crop.

    Returns:
      uint8 `[image_size, image_size, 3]`, an aligned face oval on black.

    Raises:
      UserError: The file cannot be read, or shows no face, or more than one.
    """
    image = read(path)
    if image.shape[:2] == (image_size, image_size):
        return image
    small = Image.fromarray(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    image = np.asarray(small)
    faces = detect.landmarks(image)
    if not faces:
        raise UserError(
            f"{path}: no face was found; give a sharp, upright, frontal photo in which the face "
            "is large."
        )
    if len(faces) > 1:
        raise UserError(f"{path} shows {len(faces)} faces; cut it to one of them.")
    return crop.face(image, faces[0], crop.align(faces[0], image_size), image_size)
