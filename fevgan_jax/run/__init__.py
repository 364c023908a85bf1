"""The contents of a workdir: config, checkpoints, metrics and pictures."""
