"""TFDS builders, in the folder form; they all give the same features."""
