"""The training step, the loop around it, and how a trained model is loaded."""
