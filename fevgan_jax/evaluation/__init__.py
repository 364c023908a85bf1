"""What a trained model makes of held-out clips, measured clip by clip and summed up."""
