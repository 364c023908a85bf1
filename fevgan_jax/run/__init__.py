"""What a workdir holds: config, checkpoints, numbers and pictures."""
