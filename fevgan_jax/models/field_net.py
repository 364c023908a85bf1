"""The networks of motion modes: a photo and a target to fields, once, and amplitudes on the way."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.faces import units
from fevgan_jax.models import compositing

_TEETH_SCALE = np.float32([1.0, 0.1, 0.1])
"""Sizes of the numbers in `compositing.Fields.teeth` (choice: a layer's outputs are near 1)."""
_NO_TEETH = np.float32([0.0, -1.0, -1.0])
"""A pixel that is far from any."""


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


class Teeth(nn.Module):
    """Which place of which tooth a pixel would show, if it were inside of the mouth.

    Attributes:
      features: width.
      modes: number of modes K.
    """

    features: int
    modes: int

    @nn.compact
    def __call__(self, seen: jax.Array, code: jax.Array) -> jax.Array:
        """`[B, H, W, C]` and `[B, D]` to `[B, H, W, K + 1, 3]`, see `compositing.Fields.teeth`."""
        x = Block(self.features, name="block")(seen, code)
        values = nn.Conv(3 * (self.modes + 1), (3, 3), name="heads")(x)
        return _TEETH_SCALE * values.reshape(*values.shape[:3], self.modes + 1, 3)


class FieldNet(nn.Module):
    """The U-Net.

    Attributes:
      features: widths, from full resolution down; each level halves it.
      modes: number of modes.
      code: width of the codes.
      detail: width of the layers that see the photo at full resolution, where the U-Net works on
        half of it; 0 for a U-Net at full resolution.
      teeth: width of the layers that know of teeth; 0 for none.
    """

    features: tuple[int, ...]
    modes: int
    code: int
    detail: int
    teeth: int

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
        place = jnp.broadcast_to(place, (rows, side, side, 2))
        image = jnp.concatenate([image, place], axis=-1)
        x = nn.Conv(self.features[0], (3, 3), name="stem")(image)
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
            x = coarser = x.repeat(2, axis=1).repeat(2, axis=2)
            x = Block(width, name=f"up{i}")(jnp.concatenate([x, skips[i]], axis=-1), code)
        k = self.modes
        out = 2 * k + 4 * (k + 1)
        values = nn.Conv(out, (3, 3), name="heads")(x)
        if self.detail:
            more = Detail(self.detail, out, name="detail")(full, x, code)
            values = jax.image.resize(values, more.shape, "cubic") + more
        flow, mask, colour = jnp.split(values, [2 * k, 3 * k + 1], axis=-1)
        size = values.shape[:3]
        if self.teeth:
            image = jnp.broadcast_to(image, (*x.shape[:3], image.shape[-1]))
            around = jnp.concatenate([image, coarser, x], axis=-1)
            teeth = Teeth(self.teeth, k, name="teeth")(around, code)
            teeth = jax.image.resize(teeth, (*size, k + 1, 3), "cubic")
        else:
            teeth = jnp.zeros((*size, k + 1, 3)).at[..., 0, :].set(_NO_TEETH)
        fields = compositing.Fields(
            flow=flow.reshape(*size, k, 2),
            mask=mask,
            colour=colour.reshape(*size, k + 1, 3),
            teeth=teeth,
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
