"""FEV-GAN in JAX: one neutral photo and an expression's name become a video."""

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""The six basic expressions, alphabetical: a label is an index into this tuple."""
