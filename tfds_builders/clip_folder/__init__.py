"""A user's own clips."""
