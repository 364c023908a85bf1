"""The numbers that the paper prints, with how they were made."""

HEAD = ("the paper's system", "trained on", "PSNR", "SSIM", "ACD", "ACD-I")

NUMBERS = (
    ("FEV-GAN (Table 1)", "MUG", "27.10", "0.91", "0.09", "0.23"),
    ("FEV-GAN (Table 1)", "Oulu-CASIA", "25.61", "0.89", "0.12", "0.19"),
    ("without E_s (Table 3)", "MUG", "25.44", "0.90", "0.11", "0.34"),
    ("without E_id (Table 3)", "MUG", "19.71", "0.69", "0.13", "1.22"),
)
"""As printed, in the order of `HEAD`."""

PROTOCOL = (
    "From Bouzid and Ballihi (arXiv 2210.11182): people of MUG or Oulu-CASIA who were not in "
    "training (80/20), 64 pixels, background black, PSNR and SSIM against the real clip, ACD "
    "between consecutive frames and ACD-I between each frame and the photo by OpenFace's "
    "embedding; no interval and no N are printed. Table 1's cells of the other systems are empty "
    "in the text of the paper that these were read from. **Our numbers on another set are never "
    "comparable to these**: other data, another recogniser, another length of training."
)
