"""From a photo to the aligned face crop a model takes."""
