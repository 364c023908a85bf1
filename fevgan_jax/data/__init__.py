"""Prepared data sets on disk, as batches on devices."""
