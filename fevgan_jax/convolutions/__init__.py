"""2D and 3D convolutions that are fast on every backend."""
