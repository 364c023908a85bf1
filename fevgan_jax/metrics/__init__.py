"""Measures of generated videos, as pure functions."""
