"""What a training step is, the loop around it, and how its result is opened again."""
