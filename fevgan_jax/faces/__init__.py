"""Finds a face in a photo and crops it as the training clips are cropped."""

from fevgan_jax.faces.photo import prepare_photo

__all__ = ["prepare_photo"]
