"""Experiments: `base` defines every field, the others change a few lines."""
