"""Motion modes: a few flow fields and their amplitudes in time, from a photo and face units.

Not a system of the paper. An expression is modelled as a smooth displacement with few degrees of
freedom. A 2D U-Net predicts the fields, once for a photo and a target; a small network predicts the
amplitude of each along the path; `compositing` moves the photo's pixels. It is trained on rendered
pairs of pictures with known flow.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.faces import units
from fevgan_jax.models import compositing, field_net, inputs, pair_losses
from fevgan_jax.models.layers import Conv
from fevgan_jax.models.pair_augmentation import augment as augment

FEATURES = (
    "photo", "picture", "flow", "visible", "mask", "mouth", "tooth", "units", "shown", "path",
)  # fmt: skip
SAMPLED = inputs.FEATURES
GENERATOR_LOSSES = pair_losses.GENERATOR_LOSSES

NUM_FRAMES = 32
"""Frames of a video for a label (forced: the number of frames of the data's clips)."""


class Generator(nn.Module):
    """Frames along the path from a photo to a target.

    Attributes:
      features: widths of the U-Net.
      modes: number of modes K.
      code: width of the codes.
      curve_width: hidden width of the curves' network.
      detail: as `field_net.FieldNet.detail`.
      teeth: as `field_net.FieldNet.teeth`.
      gate: how soon movement allows paint, as `compositing.gate` takes it.
    """

    features: tuple[int, ...] = (16, 32, 64, 128)
    modes: int = 4
    code: int = 128
    curve_width: int = 64
    detail: int = 0
    teeth: int = 0
    gate: float = 12.0

    def setup(self):
        """Names the two networks."""
        self.fields = field_net.FieldNet(
            self.features, self.modes, self.code, self.detail, self.teeth
        )
        self.curves = field_net.Curves(self.modes, self.curve_width)

    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates the frames at the positions `condition["path"]` `[B, T]`.

        Returns:
          The results of `compositing.compose`, and `shown` `[B, 52]`, the photo's own units.
        """
        del train  # no random numbers and no running averages
        fields, code, shown = self.fields(condition["image"], condition["units"])
        amplitudes = self.curves(code, condition["path"])
        end = self.curves(code, jnp.ones((len(code), 1)))[:, 0]
        outputs = compositing.compose(condition["image"], fields, amplitudes, end, self.gate)
        return outputs | {"shown": shown}

    def predict(
        self, image: jax.Array, target: jax.Array, path: jax.Array
    ) -> tuple[compositing.Fields, jax.Array, jax.Array]:
        """The fields, the amplitudes `[B, T, K]` and the photo's units, without compositing."""
        fields, code, shown = self.fields(image, target)
        return fields, self.curves(code, path), shown


class Discriminator(nn.Module):
    """Judges single pictures, patch by patch; for configs with an adversarial loss.

    Attributes:
      features: widths; each level halves the picture.
    """

    features: tuple[int, ...] = (32, 64, 128)

    @nn.compact
    def __call__(
        self, judged: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges every frame of `[B, T, H, W, 3]` separately, without its target."""
        del condition, train
        x = judged.reshape(-1, *judged.shape[2:])
        for i, width in enumerate(self.features):
            x = nn.leaky_relu(Conv(width, (4, 4), (2, 2), (1, 1), name=f"conv{i}")(x), 0.2)
        logits = Conv(1, (3, 3), padding=(1, 1), name="patches")(x)
        return {"real_fake": logits.reshape(*judged.shape[:2], *logits.shape[1:3])}


def condition(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The condition of both modules: a pair's own target, or the label's preset.

    Args:
      batch: `photo` `[B, S, S, 3]` in [-1, 1], and either a pair's features or `label` `[B]`, an
        index into `fevgan_jax.EXPRESSIONS`. A pair's `units` `[B, 56]` are those of its picture,
        which shows the share `path` `[B]` of a whole change from what the photo has `shown`
        `[B, 52]`.

    Returns:
      `image`, `units` `[B, 56]` at the end of the path, and `path` `[B, T]`, the frames' positions
      on it: one for a pair, else 32.
    """
    if "units" in batch:
        count = len(units.NAMES)
        start = jnp.pad(batch["shown"], ((0, 0), (0, units.SIZE - count)))
        wanted = start + (batch["units"] - start) / batch["path"][:, None]
        path = batch["path"][:, None]
    else:
        wanted = jnp.asarray(units.table())[batch["label"]]
        path = jnp.broadcast_to(units.course(NUM_FRAMES), (len(wanted), NUM_FRAMES))
    return {"image": batch["photo"], "units": wanted, "path": path}


def real(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The real data that the outputs are compared with: a pair's exact answers, or a clip.

    Args:
      batch: a pair's features, or `video`.

    Returns:
      `video`; for a pair with one frame, and with `flow` `[B, 1, S, S, 2]`, `shown` `[B, 52]`, 1 in
      `visible` and `hidden` `[B, 1, S, S, 1]` where the photo shows or hides a pixel of the
      picture's face, and `mouth` and `tooth` `[B, 1, S, S, 1 or 2]` as the data set has them.
    """
    if "picture" not in batch:
        return {"video": batch["video"]}
    face, seen = ((batch[name][:, None] > 0).astype(jnp.float32) for name in ("mask", "visible"))
    return {
        "video": batch["picture"][:, None],
        "flow": batch["flow"].astype(jnp.float32)[:, None],
        "visible": face * seen,
        "hidden": face * (1.0 - seen),
        "mouth": batch["mouth"][:, None],
        "tooth": batch["tooth"].astype(jnp.float32)[:, None],
        "shown": batch["shown"],
    }
