"""Layers shared by the families.

Kernels are drawn from N(0, 0.02), BatchNorm's scales from N(1, 0.02). Parameters have the same
names and shapes under every lowering, so a checkpoint can be used on any backend.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.convolutions.operations import (
    Sides,
    convolve,
    convolve_constant,
    transposed_convolve,
)

STDDEV = 0.02  # choice: DCGAN's; the paper says Gaussian with mean 0, VGAN takes 0.01


def batch_norm(
    *, train: bool, name: str | None = None, epsilon: float = 1e-5, stddev: float = STDDEV
) -> nn.BatchNorm:
    """BatchNorm with the project's constants; its averages are in the collection `batch_stats`.

    It has no `axis_name`: under a global-view `jax.jit` its statistics are the global batch's.

    Args:
      train: normalise by the batch and update the averages, or use the averages alone.
      name: the layer's name.
      epsilon: added to the variance (choice: the usual value).
      stddev: standard deviation of the scale's initial N(1, stddev).
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,  # choice: the running averages' decay
        epsilon=epsilon,
        scale_init=functools.partial(_around_one, stddev),
        name=name,
    )


def _around_one(stddev, key, shape, dtype=jnp.float32):
    return 1.0 + stddev * jax.random.normal(key, shape, dtype)


class _Convolution(nn.Module):
    """The fields of `Conv` and `ConvTranspose`.

    Attributes:
      features: output channels.
      kernel_size: two or three sides; as many as the input has between batch and channels.
      strides: as many; all ones when None.
      padding: zeros added to each side by `Conv`, rows cut from each side by `ConvTranspose`, as
        many; none when None. With kernel 4, stride 2 and padding 1 they halve and double.
      use_bias: False before BatchNorm, which adds a bias itself.
      stddev: standard deviation of the kernel's initial N(0, stddev).
      spectral_norm: divide the kernel by its largest singular value.
      lowering: "auto", "native" or "product", see `fevgan_jax.convolutions.operations`.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...] | None = None
    padding: tuple[int, ...] | None = None
    use_bias: bool = True
    stddev: float = STDDEV
    spectral_norm: bool = False
    lowering: str = "auto"


class Conv(_Convolution):
    """A 2D or 3D convolution, channels last."""

    @nn.compact
    def __call__(self, x: jax.Array, tiled: jax.Array | None = None) -> jax.Array:
        """Convolves.

        Args:
          x: `[B, (T,) H, W, C]`.
          tiled: `[B, D]`, values that are the same at every position, as D more channels after x's,
            such as a one-hot label. They are not broadcast over the grid, which would cost as much
            as other channels.

        Returns:
          `[B, (T',) H', W', features]`.
        """
        channels = x.shape[-1] + (0 if tiled is None else tiled.shape[-1])
        shape = (*self.kernel_size, channels, self.features)
        kernel = self.param("kernel", nn.initializers.normal(self.stddev), shape)
        if self.spectral_norm:
            kernel = spectrally_normed(self, kernel, axis=-1)
        settings = *_strides_and_padding(self, x), self.lowering
        y = convolve(x, kernel[..., : x.shape[-1], :], *settings)
        if tiled is not None:
            y += convolve_constant(tiled, x.shape[1:-1], kernel[..., x.shape[-1] :, :], *settings)
        return y + _bias(self) if self.use_bias else y


class ConvTranspose(_Convolution):
    """A 2D or 3D transposed convolution, channels last."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, (T,) H, W, C]` to `[B, (T',) H', W', features]`."""
        # The kernel of the convolution that this one is the adjoint of: output channels first.
        shape = (*self.kernel_size, self.features, x.shape[-1])
        kernel = self.param("kernel", nn.initializers.normal(self.stddev), shape)
        if self.spectral_norm:
            kernel = spectrally_normed(self, kernel, axis=-2)
        x = transposed_convolve(x, kernel, *_strides_and_padding(self, x), self.lowering)
        return x + _bias(self) if self.use_bias else x


def spectrally_normed(layer: nn.Module, kernel: jax.Array, axis: int) -> jax.Array:
    """Divides a kernel by its largest singular value (Miyato et al. 2018).

    The kernel is taken as one matrix, its output channels against all others. Each application
    makes one power iteration of the singular vector, which is in the collection `spectral_norm`
    and is updated where that is mutable: in training, not in sampling.

    Args:
      layer: the module that holds the vector.
      kernel: a kernel of any shape.
      axis: axis of the output channels.

    Returns:
      The kernel, in its own dtype.
    """
    matrix = jnp.moveaxis(kernel, axis, -1).reshape(-1, kernel.shape[axis]).astype(jnp.float32)

    def unit(vector: jax.Array) -> jax.Array:
        return vector / (jnp.linalg.norm(vector) + 1e-12)

    start = layer.variable(
        "spectral_norm",
        "u",
        lambda: unit(jax.random.normal(layer.make_rng("params"), (kernel.shape[axis],))),
    )
    fixed = jax.lax.stop_gradient(matrix)
    v = unit(fixed @ start.value)
    u = unit(v @ fixed)
    if layer.is_mutable_collection("spectral_norm") and not layer.is_initializing():
        start.value = u
    return (kernel / (v @ matrix @ u)).astype(kernel.dtype)


def _bias(layer: _Convolution) -> jax.Array:
    return layer.param("bias", nn.initializers.zeros_init(), (layer.features,))


def _strides_and_padding(layer: _Convolution, x: jax.Array) -> tuple[Sides, Sides]:
    sides = len(layer.kernel_size)
    strides = layer.strides or (1,) * sides
    padding = layer.padding or (0,) * sides
    if not sides == x.ndim - 2 == len(strides) == len(padding):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: kernel_size {layer.kernel_size}, strides "
            f"{strides} and padding {padding} must fit the {x.ndim - 2} sides of {x.shape}."
        )
    return strides, padding
