"""Finds, tracks, aligns and crops faces in photos and clips."""

from fevgan_jax.faces.photo import prepare_face, prepare_photo

__all__ = ["prepare_face", "prepare_photo"]
