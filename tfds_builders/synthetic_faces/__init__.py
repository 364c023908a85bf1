"""Faces rendered from a compact head model: the data set that needs no download.

The TFDS builder is in `synthetic_faces_dataset_builder`, apart from this file: the processes that
render need no TensorFlow.
"""
