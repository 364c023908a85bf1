"""The MUG Facial Expression Database."""
