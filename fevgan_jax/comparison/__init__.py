"""Several runs in the same tables and pictures."""
