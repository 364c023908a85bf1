"""VDSM (Vowels et al. 2021): a sequential VAE whose decoder is a mixture of experts, in two stages.

Stage 1 learns one identity per clip and one pose per frame. Stage 2 keeps this encoder and decoder
fixed and learns the dynamics of the poses (`vdsm_dynamics`). For a photo (choice: the paper has no
photos), identity and first pose are the photo's. From there the poses go the way of the label's
dynamics, the mean of the posteriors of its training clips.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from fevgan_jax.convolutions.operations import transposed_convolve
from fevgan_jax.models.inputs import noise
from fevgan_jax.models.layers import Conv
from fevgan_jax.models.vdsm_dynamics import Dynamics

SLOPE = 0.01
Curve = tuple[tuple[float, float], ...]
"""Pairs of progress in [0, 1] and weight, with linear interpolation."""


class Generator(nn.Module):
    """Encoder, decoder and, in stage 2, the dynamics between them.

    Attributes:
      num_classes: number of expressions.
      stage: 1 or 2.
      clip_frames: frames T of the generated videos.
      num_frames: frames S of the sequences in training, spread evenly over a clip.
      poses: length of a frame's pose.
      identities: number of experts, and length of a clip's identity.
      encoder_features: widths of the encoder.
      encoder_slope: slope of the encoder's LeakyReLUs; 1, as published, makes it linear.
      decoder_features: widths of every expert.
      hidden: width of the recurrent networks of stage 2.
    """

    num_classes: int = 6
    stage: int = 1
    clip_frames: int = 32
    num_frames: int = 20
    poses: int = 30
    identities: int = 15
    encoder_features: tuple[int, ...] = (32, 32, 64, 64)
    encoder_slope: float = 1.0
    decoder_features: tuple[int, ...] = (512, 256, 128, 64)
    hidden: int = 512

    def setup(self) -> None:
        """Names the parts; `freeze` and `initial_parts` of stage 2 use these names."""
        self.encoder = Encoder(
            self.poses, self.identities, self.encoder_features, self.encoder_slope
        )
        self.identity_mean = nn.Dense(self.identities)
        self.identity_scale = nn.Dense(self.identities)
        self.decoder = MixtureDecoder(self.decoder_features, self.identities)
        if self.stage == 2:
            self.dynamics = Dynamics(self.num_classes, self.poses, self.hidden)

    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Reconstructs a clip in training; otherwise generates one from a photo and a label.

        Args:
          condition: `image` `[B, 64, 64, 3]` in [-1, 1], `label`, `key` and `progress` `[B]`; in
            training `video` `[B, T, 64, 64, 3]` in [-1, 1].
          train: reconstruct, with drawn codes.

        Returns:
          `video` `[B, clip_frames, 64, 64, 3]` in [-1, 1], its `logits` `[B, S, 64, 64, 3]`, and
          mean and scale of each code: `identity_*` `[B, 15]`, `pose_*` and `prior_*` `[B, S, 30]`
          and, in stage 2, `dynamics_*` `[B, 50]`.
        """
        learns = train or self.is_initializing()
        frames = condition["image"][:, None]
        if learns:
            frames = spread(condition["video"], self.num_frames)
        pose, identity = self.encoder((frames + 1.0) / 2.0)
        identity = (
            nn.leaky_relu(self.identity_mean(identity[0]), SLOPE).mean(1),
            nn.softplus(self.identity_scale(identity[1])).mean(1),
        )
        size = self.num_frames * self.poses
        drawn = noise(condition["key"], (self.identities + 2 * size,))
        drawn = drawn * learns
        for_identity, for_pose, for_dynamics = jnp.split(
            drawn, [self.identities, self.identities + size], axis=1
        )
        for_pose = for_pose.reshape(-1, self.num_frames, self.poses)
        # Sharper over the first half of stage 1, so that one expert represents one person.
        sharpened = jnp.minimum(2.0 * condition["progress"], 1.0) if self.stage == 1 else 1.0
        temperature = 1.0 + 9.0 * jnp.broadcast_to(sharpened, len(frames))[:, None]
        code = identity[0] + identity[1] * for_identity
        mixture = nn.softmax(temperature * code, axis=-1)
        outputs = {"identity_mean": identity[0], "identity_scale": identity[1]}
        if self.stage == 2:
            walked, poses = self.dynamics(
                pose[0], condition["label"], for_pose, for_dynamics, learns=learns, train=train
            )
            outputs |= walked
        else:
            mean, scale = (jnp.broadcast_to(part, for_pose.shape) for part in pose)
            outputs |= {"pose_mean": mean, "pose_scale": scale}
            outputs |= {"prior_mean": jnp.zeros_like(mean), "prior_scale": jnp.ones_like(mean)}
            poses = mean + scale * for_pose
        logits = self.decoder(poses, mixture).astype(jnp.float32)
        video = spread(2.0 * nn.sigmoid(logits) - 1.0, self.clip_frames)
        return outputs | {"logits": logits, "video": video}


class Encoder(nn.Module):
    """A frame's pose and identity, each a mean and a scale.

    Attributes:
      poses: length of the pose.
      identities: length of the identity.
      features: widths of the convolutions, each followed by a blur-pool that halves the sides.
      slope: slope of their LeakyReLUs.
    """

    poses: int
    identities: int
    features: tuple[int, ...]
    slope: float

    @nn.compact
    def __call__(
        self, frames: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        """Encodes frames `[B, S, 64, 64, 3]` in [0, 1]: poses and identities, `[B, S, D]` each."""
        x = frames.reshape(-1, *frames.shape[2:])
        for i, features in enumerate(self.features):
            stddev = (16 * x.shape[-1]) ** -0.5  # choice: keeps the scale, as there is no norm
            x = Conv(features, (4, 4), padding=(1, 1), stddev=stddev, name=f"layer_{i}")(x)
            x = blurred(nn.leaky_relu(x, self.slope))
        stddev = (16 * x.shape[-1]) ** -0.5
        x = Conv(256, (4, 4), stddev=stddev, name="code")(x)[:, 0, 0]
        x = nn.leaky_relu(x, self.slope).reshape(*frames.shape[:2], -1)
        pose = (
            nn.Dense(self.poses, name="pose_mean")(x),
            nn.softplus(nn.Dense(self.poses, name="pose_scale")(x)),
        )
        x = nn.leaky_relu(nn.Dense(128, name="person")(x), SLOPE)
        identity = (
            nn.Dense(self.identities, name="identity_mean")(x),
            nn.softplus(nn.Dense(self.identities, name="identity_scale")(x)),
        )
        return pose, identity


class MixtureDecoder(nn.Module):
    """Transposed convolutions whose kernels are a mixture of experts, one mixture per clip.

    Attributes:
      features: widths of the layers but the last.
      experts: number of experts.
    """

    features: tuple[int, ...]
    experts: int

    @nn.compact
    def __call__(self, poses: jax.Array, mixture: jax.Array) -> jax.Array:
        """Decodes poses `[B, S, D]` by weights `[B, experts]`: logits `[B, S, 64, 64, 3]`."""
        whose = jnp.broadcast_to(mixture[:, None], (*poses.shape[:2], self.experts))
        x = jnp.concatenate([poses, whose], axis=-1)[:, :, None, None]
        for i, features in enumerate((*self.features, 3)):
            shape = (self.experts, 4, 4, features, x.shape[-1])
            # choice: keeps the scale; after the first layer each position sums four taps.
            stddev = (2.0 / (x.shape[-1] * (4 if i else 1))) ** 0.5
            kernels = self.param(f"kernel_{i}", nn.initializers.normal(stddev), shape)
            biases = self.param(f"bias_{i}", nn.initializers.zeros_init(), shape[::3])
            strides, padding = ((2, 2), (1, 1)) if i else ((1, 1), (0, 0))

            def convolved(frames, kernel, strides=strides, padding=padding):
                # The form of products on every backend: it makes a batch of kernels a batch of
                # matrices.
                return transposed_convolve(frames, kernel, strides, padding, "product")

            x = jax.vmap(convolved)(x, jnp.einsum("be,e...->b...", mixture, kernels))
            x += (mixture @ biases)[:, None, None, None]
            if i < len(self.features):
                x = nn.leaky_relu(x, SLOPE)
        return x


def blurred(x: jax.Array) -> jax.Array:
    """Blur-pool (Zhang 2019): halves `[B, H, W, C]` after a binomial filter of 4 taps a side."""
    for axis in (1, 2):
        pads = [(0, 0)] * 4
        pads[axis] = (1, 2)
        x = jnp.pad(x, pads, mode="reflect")
        size = (x.shape[axis] - 4) // 2 + 1
        x = sum(
            weight / 8.0 * jax.lax.slice_in_dim(x, at, at + 2 * size - 1, 2, axis)
            for at, weight in enumerate((1, 3, 3, 1))
        )
    return x


def spread(video: jax.Array, num_frames: int) -> jax.Array:
    """Resamples a video `[B, T, H, W, C]` to evenly spaced frames, by linear interpolation."""
    last = video.shape[1] - 1
    where = jnp.linspace(0.0, last, num_frames)
    before = jnp.floor(where).astype(jnp.int32)
    share = (where - before)[:, None, None, None]
    return (1.0 - share) * video[:, before] + share * video[:, jnp.minimum(before + 1, last)]


def condition(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Photo and label and, if the batch has one, the clip, which training reconstructs."""
    given = {"image": batch["photo"], "label": batch["label"]}
    return given | {name: batch[name] for name in ("video",) if name in batch}


def bernoulli(context) -> jax.Array:
    """Minus the log-likelihood of a clip's pixels in [0, 1], in nats, summed over the clip."""
    logits = context.outputs["logits"]
    pixels = (spread(context.real["video"], logits.shape[1]) + 1.0) / 2.0
    return optax.sigmoid_binary_cross_entropy(logits, pixels).sum((1, 2, 3, 4)).mean()


def divergence(code: tuple[jax.Array, jax.Array], prior: tuple[Any, Any]) -> jax.Array:
    """KL divergence of diagonal Gaussians (mean, scale) `[B, ...]` from prior ones, mean over B."""
    (mean, scale), (prior_mean, prior_scale) = code, prior
    ratio = scale / prior_scale
    nats = 0.5 * (ratio**2 + ((mean - prior_mean) / prior_scale) ** 2 - 1.0) - jnp.log(ratio)
    return nats.reshape(len(nats), -1).sum(1).mean()


def annealed(context, curve: Curve) -> jax.Array:
    """The weight that a curve gives at this step of the training."""
    return jnp.interp(context.condition["progress"][0], *jnp.array(curve).T)


def _code(context, name: str) -> tuple[jax.Array, jax.Array]:
    return context.outputs[f"{name}_mean"], context.outputs[f"{name}_scale"]


def _divergence(context, name: str, curve: Curve) -> jax.Array:
    code = _code(context, name)
    return annealed(context, curve) * divergence(code, (0.0, 1.0 / code[0].shape[-1]))


def identity_divergence(context, *, curve: Curve) -> jax.Array:
    """KL divergence of the identity from N(0, 1/15), in nats per clip, annealed by `curve`."""
    return _divergence(context, "identity", curve)


def pose_divergence(context, *, curve: Curve) -> jax.Array:
    """KL divergence of the poses from their prior, in nats per clip, annealed by `curve`."""
    outputs = context.outputs
    prior = outputs["prior_mean"], outputs["prior_scale"]
    return annealed(context, curve) * divergence(_code(context, "pose"), prior)


def dynamics_divergence(context, *, curve: Curve) -> jax.Array:
    """KL divergence of the dynamics from N(0, 1/50), in nats per clip, annealed by `curve`."""
    return _divergence(context, "dynamics", curve)


GENERATOR_LOSSES = {
    "bernoulli": bernoulli,
    "identity_divergence": identity_divergence,
    "pose_divergence": pose_divergence,
    "dynamics_divergence": dynamics_divergence,
}
