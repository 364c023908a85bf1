"""TFDS builders, one folder each; all of them have the same features."""
