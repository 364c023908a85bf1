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
from fevgan_jax.models import compositing, inputs, pair_losses
from fevgan_jax.models.layers import Conv
from fevgan_jax.models.pair_augmentation import augment as augment

FEATURES = ("photo", "picture", "flow", "visible", "mask", "units", "shown", "path")
SAMPLED = inputs.FEATURES
GENERATOR_LOSSES = pair_losses.GENERATOR_LOSSES

NUM_FRAMES = 32
"""Frames of a video for a label (forced: the number of frames of the data's clips)."""


class Block(nn.Module):
    """Two 3x3 convolutions, each scaled and shifted by a code (FiLM, Perez et al. 2018).

    Attributes:
      features: width.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, code: jax.Array) -> jax.Array:
        """`[B, H, W, C]` and `[B, D]` to `[B, H, W, features]`; either may have one row for all."""
        for i in range(2):
            x = nn.Conv(self.features, (3, 3), use_bias=False, name=f"conv{i}")(x)
            x = nn.GroupNorm(min(8, self.features), name=f"norm{i}")(x)
            film = nn.Dense(2 * self.features, kernel_init=nn.initializers.zeros, name=f"film{i}")
            scale, shift = jnp.split(film(code)[:, None, None], 2, axis=-1)
            x = nn.silu(x * (1.0 + scale) + shift)
        return x


class Detail(nn.Module):
    """What fields of twice the size add to a smaller network's; nothing before it is trained.

    Attributes:
      features: width.
      out: number of the fields' values at a pixel.
    """

    features: int
    out: int

    @nn.compact
    def __call__(self, image: jax.Array, x: jax.Array, code: jax.Array) -> jax.Array:
        """Returns `[B, 2H, 2W, out]`.

        Args:
          image: `[B, 2H, 2W, 3]`, or one row for all.
          x: `[B, H, W, C]`, the smaller network's last layer.
          code: `[B, D]`.
        """
        x = x.repeat(2, axis=1).repeat(2, axis=2)
        seen = nn.Conv(self.features, (3, 3), name="stem")(image)
        seen = jnp.broadcast_to(seen, (*x.shape[:3], self.features))
        x = Block(self.features, name="block")(jnp.concatenate([x, seen], axis=-1), code)
        return nn.Conv(self.out, (3, 3), kernel_init=nn.initializers.zeros, name="heads")(x)


class FieldNet(nn.Module):
    """The U-Net.

    Attributes:
      features: widths, from full resolution down; each level halves it.
      modes: number of modes.
      code: width of the codes.
      detail: width of the layers that see the photo at full resolution, where the U-Net works on
        half of it; 0 for a U-Net at full resolution.
    """

    features: tuple[int, ...]
    modes: int
    code: int
    detail: int

    @nn.compact
    def __call__(
        self, image: jax.Array, target: jax.Array
    ) -> tuple[compositing.Fields, jax.Array, jax.Array]:
        """Predicts a target's fields.

        Args:
          image: `[B, S, S, 3]` in [-1, 1], or one row for all targets: the layers that do not
            depend on the target then run once.
          target: `[B, 56]`.

        Returns:
          The fields; a code `[B, D]` of photo and target for the curves; and the face units that
          the photo itself shows, `[B, 52]`.
        """
        full = image
        if self.detail:
            image = nn.avg_pool(image, (2, 2), (2, 2))
        rows, side = image.shape[:2]
        wanted = nn.silu(nn.Dense(self.code, name="label")(target))
        line = jnp.linspace(-1.0, 1.0, side)
        place = jnp.stack(jnp.meshgrid(line, line), axis=-1)
        x = jnp.concatenate([image, jnp.broadcast_to(place, (rows, side, side, 2))], axis=-1)
        x = nn.Conv(self.features[0], (3, 3), name="stem")(x)
        skips = []
        for i, width in enumerate(self.features):
            x = Block(width, name=f"down{i}")(x, wanted)
            skips.append(x)
            x = nn.Conv(width, (4, 4), (2, 2), name=f"half{i}")(x)
        x = Block(self.features[-1], name="middle")(x, wanted)
        middle = x.mean((1, 2))
        reads = nn.silu(nn.Dense(self.code, name="reads")(middle))
        shown = nn.Dense(len(units.NAMES), name="shown")(reads)
        seen = nn.silu(nn.Dense(self.code, name="code")(middle))
        code = jnp.concatenate([seen, wanted], axis=-1)
        for i, width in reversed(list(enumerate(self.features))):
            x = x.repeat(2, axis=1).repeat(2, axis=2)
            x = Block(width, name=f"up{i}")(jnp.concatenate([x, skips[i]], axis=-1), code)
        k = self.modes
        out = 2 * k + 4 * (k + 1)
        values = nn.Conv(out, (3, 3), name="heads")(x)
        if self.detail:
            size = (len(x), *full.shape[1:3], out)
            more = Detail(self.detail, out, name="detail")(full, x, code)
            values = jax.image.resize(values, size, "cubic") + more
        flow, mask, colour = jnp.split(values, [2 * k, 3 * k + 1], axis=-1)
        size = values.shape[:3]
        fields = compositing.Fields(
            flow.reshape(*size, k, 2), mask, colour.reshape(*size, k + 1, 3)
        )
        return fields, code, shown


class Curves(nn.Module):
    """The modes' amplitudes along the path from the photo's expression to the target.

    Attributes:
      modes: number of modes.
      features: width of the hidden layer.
    """

    modes: int
    features: int

    @nn.compact
    def __call__(self, code: jax.Array, path: jax.Array) -> jax.Array:
        """Returns the amplitudes `[B, T, K]` at positions on the path, `[B, T]` in [0, 1].

        They are 0 at 0 for any weights, so that a video starts with the photo itself.
        """
        hidden, out = nn.Dense(self.features, name="hidden"), nn.Dense(self.modes, name="out")

        def at(path):
            waves = [path] + [f(jnp.pi * k * path) for k in (1, 2, 3) for f in (jnp.sin, jnp.cos)]
            codes = jnp.broadcast_to(code[:, None], (*path.shape, code.shape[-1]))
            return out(nn.silu(hidden(jnp.concatenate([codes, jnp.stack(waves, -1)], axis=-1))))

        return at(path) - at(jnp.zeros_like(path))


class Generator(nn.Module):
    """Frames along the path from a photo to a target.

    Attributes:
      features: widths of the U-Net.
      modes: number of modes K.
      code: width of the codes.
      curve_width: hidden width of the curves' network.
      detail: as `FieldNet.detail`.
      gate: how soon movement allows paint, as `compositing.gate` takes it.
    """

    features: tuple[int, ...] = (16, 32, 64, 128)
    modes: int = 4
    code: int = 128
    curve_width: int = 64
    detail: int = 0
    gate: float = 12.0

    def setup(self):
        """Names the two networks."""
        self.fields = FieldNet(self.features, self.modes, self.code, self.detail)
        self.curves = Curves(self.modes, self.curve_width)

    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates the frames at the positions `condition["path"]` `[B, T]`.

        Returns:
          The results of `compositing.compose`, and `shown` `[B, 52]`, the photo's own units.
        """
        del train  # no random numbers and no running averages
        fields, code, shown = self.fields(condition["image"], condition["units"])
        amplitudes = self.curves(code, condition["path"])
        outputs = compositing.compose(condition["image"], fields, amplitudes, self.gate)
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
      `video`; for a pair with one frame, and with `flow` `[B, 1, S, S, 2]`, `shown` `[B, 52]`, and
      1 in `visible` and `hidden` `[B, 1, S, S, 1]` where the photo shows or hides a pixel of the
      picture's face.
    """
    if "picture" not in batch:
        return {"video": batch["video"]}
    face, seen = ((batch[name][:, None] > 0).astype(jnp.float32) for name in ("mask", "visible"))
    return {
        "video": batch["picture"][:, None],
        "flow": batch["flow"].astype(jnp.float32)[:, None],
        "visible": face * seen,
        "hidden": face * (1.0 - seen),
        "shown": batch["shown"],
    }
