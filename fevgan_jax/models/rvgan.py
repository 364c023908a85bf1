"""RV-GAN (Gupta et al. 2022): transposed convolutional LSTM cells unroll noise to 16 frames."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models import g3an
from fevgan_jax.models.inputs import label_alone, noise
from fevgan_jax.models.layers import Conv, ConvTranspose

GIVEN = g3an.GIVEN

States = tuple[tuple[jax.Array, jax.Array], ...]


class Generator(nn.Module):
    """One code, fed to a stack of recurrent cells at every step.

    Attributes:
      num_frames: frames T.
      code: length of the noise.
      features: hidden widths of the cells, at 4, 8, 16, 32 and 64 pixels.
    """

    num_frames: int = 16
    code: int = 128
    features: tuple[int, ...] = (512, 512, 256, 128, 64)

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a video.

        Args:
          condition: `key` `[B]`.
          train: not used; there is no BatchNorm.

        Returns:
          `video` `[B, T, 64, 64, 3]` in [-1, 1].
        """
        code = noise(condition["key"], (self.code,))[:, None, None]
        sides = [4 * 2**i for i in range(len(self.features))]
        states = tuple(
            (jnp.zeros((len(code), side, side, width)),) * 2
            for side, width in zip(sides, self.features, strict=True)
        )
        unrolled = nn.scan(
            Cells,
            variable_broadcast="params",
            split_rngs={"params": False},
            length=self.num_frames,
            in_axes=nn.broadcast,
            out_axes=1,
        )
        _, video = unrolled(self.features, name="cells")(states, code)
        return {"video": video}


class Cells(nn.Module):
    """One time step of the stack, and its frame.

    Attributes:
      features: hidden widths.
    """

    features: tuple[int, ...]

    @nn.compact
    def __call__(self, states: States, code: jax.Array) -> tuple[States, jax.Array]:
        """Returns the new states, and a frame `[B, 64, 64, 3]` in [-1, 1]."""
        x, new = code, []
        for i, (width, state) in enumerate(zip(self.features, states, strict=True)):
            x, state = ConvLstmCell(width, first=i == 0, name=f"cell_{i}")(x, state)
            new.append(state)
        frame = Conv(3, (3, 3), padding=(1, 1), use_bias=False, name="rgb")(x)
        return tuple(new), nn.tanh(frame.astype(jnp.float32))


class ConvLstmCell(nn.Module):
    """A convolutional LSTM cell that upsamples its input, with LayerNorm on both paths.

    Attributes:
      features: hidden width.
      first: expands one position to 4 x 4; else the input's sides are doubled.
    """

    features: int
    first: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, state: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """One time step: the output `[B, H, W, features]`, and the hidden and the cell's state."""
        hidden, cell = state
        enlarge = ((4, 4),) if self.first else ((4, 4), (2, 2), (1, 1))
        width = 4 * self.features

        given = ConvTranspose(width, *enlarge, use_bias=False, name="given")(x)
        kept = Conv(width, (3, 3), padding=(1, 1), use_bias=False, name="kept")(hidden)
        gates = MapNorm(name="given_norm")(given) + MapNorm(name="kept_norm")(kept)
        enter, forget, candidate, leave = jnp.split(gates, 4, axis=-1)
        cell = nn.sigmoid(forget + 1.0) * cell + nn.sigmoid(enter) * nn.tanh(candidate)
        hidden = nn.sigmoid(leave) * nn.tanh(cell)
        return hidden, (hidden, cell)


class MapNorm(nn.Module):
    """LayerNorm over whole maps, with a scale and an offset for each position and channel.

    These are repeated over the batch by a matrix product, so that their gradients are products as
    well; the sums over the batch alone, which `nn.LayerNorm` has there, are slow on a CPU.
    """

    @nn.compact
    def __call__(self, maps: jax.Array) -> jax.Array:
        """Normalises `[B, H, W, C]`."""
        shape = maps.shape[1:]
        everyone = jnp.ones((len(maps), 1))

        def repeated(name: str, initial: nn.initializers.Initializer) -> jax.Array:
            one = self.param(name, initial, shape).reshape(1, -1)
            # Accelerators would round the factors of a product to fewer bits.
            return jnp.matmul(everyone, one, precision="highest").reshape(maps.shape)

        normed = nn.standardize(maps.astype(jnp.float32), axis=(1, 2, 3), epsilon=1e-6)
        normed *= repeated("scale", nn.initializers.ones_init())
        return (normed + repeated("bias", nn.initializers.zeros_init())).astype(maps.dtype)


class Discriminator(g3an.Discriminator):
    """G3AN's."""


condition = label_alone
