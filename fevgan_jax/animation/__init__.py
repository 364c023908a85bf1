"""Moves the face of a photo in place, with a model of motion modes."""
