"""Anyone's own clips."""
