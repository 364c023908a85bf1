"""Experiments: `base` says every field once, the others change a few lines."""
