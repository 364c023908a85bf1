"""MotionGAN (Otberdout et al. 2019): noise and a label to the motion of 68 landmarks.

The shapes that landmarks take in a clip are a curve, and its square-root velocity form is a point
on a hypersphere. Generator and critic work in a tangent space of it. `texturegan` makes pictures of
the landmarks.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.models import sphere
from fevgan_jax.models.inputs import noise
from fevgan_jax.models.layers import Conv

FEATURES = ("landmarks", "label")
JUDGED = "point"
GIVEN = ("photo", "landmarks", "label")
COORDINATES = 136
"""x and y of 68 landmarks."""
SLOPE = 0.2
LAST_STDDEV = 2e-4
"""Of the generator's last kernel (choice: its tangent vectors start about as long as those of real
clips, 1 radian; much longer ones wind around the sphere, where no gradient leads back)."""


class Generator(nn.Module):
    """Noise and a label to a tangent vector at the mean motion.

    The collection `sphere` holds that mean, and by label the mean length of the curves.

    Attributes:
      num_classes: number of expressions.
      num_frames: frames T.
      noise: length of the noise.
      first_features: width of the 17 x 4 grid that a dense layer opens.
      features: widths of the convolutions, each on a grid of twice the sides.
    """

    num_classes: int = 6
    num_frames: int = 32
    noise: int = 128
    first_features: int = 1024
    features: tuple[int, ...] = (512, 256, 128)

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a motion.

        Args:
          condition: `label` and `key` `[B]`; to train `point` `[B, T, 136]` and `length` `[B]` of
            real clips; to sample `photo_landmarks` `[B, 68, 2]` in pixels.
          train: take in the real clips.

        Returns:
          `point` `[B, T, 136]` of norm 1 and its `tangent`; in training the real clip's
          `real_tangent`; else `landmarks` `[B, T, 68, 2]` in pixels, which start at the photo's.
        """
        label = jax.nn.one_hot(condition["label"], self.num_classes)
        drawn = noise(condition["key"], (self.noise,))
        grid = (COORDINATES // 8, self.num_frames // 8)
        x = nn.Dense(grid[0] * grid[1] * self.first_features, name="open")(
            jnp.concatenate([drawn, label], axis=-1)
        ).reshape(-1, *grid, self.first_features)
        for i, features in enumerate(self.features):
            x = x.repeat(2, axis=1).repeat(2, axis=2)
            x = nn.relu(Conv(features, (3, 3), padding=(1, 1), name=f"layer_{i}")(x, tiled=label))
        last = Conv(1, (3, 3), padding=(1, 1), stddev=LAST_STDDEV, name="tangent")
        x = nn.tanh(last(x, tiled=label))
        shape = self.num_frames, COORDINATES
        mean = sphere.RunningMean(shape, name="mean")(condition["point"] if train else None)
        # No motion at the first frame, as in the form of every real curve.
        tangent = sphere.to_tangent(mean, jnp.moveaxis(x[..., 0], 1, 2).at[:, 0].set(0.0))
        point = sphere.exp(mean, tangent)
        lengths = self._lengths(condition, label, train)
        outputs = {"point": point, "tangent": tangent}
        if train:
            return outputs | {"real_tangent": sphere.log(mean, condition["point"])}
        motion = sphere.to_curve(point, lengths)
        centre, size, shape = normalised(condition["photo_landmarks"])
        landmarks = (shape[:, None] + motion).reshape(*motion.shape[:2], 68, 2)
        return outputs | {"landmarks": landmarks * size[:, None] + centre[:, None]}

    def _lengths(self, condition, label: jax.Array, train: bool) -> jax.Array:
        """The mean length `[B]` of the curves of each row's label."""
        totals = self.variable("sphere", "lengths", jnp.zeros, (self.num_classes,))
        counts = self.variable("sphere", "clips", jnp.zeros, (self.num_classes,))
        if train:
            totals.value += label.T @ condition["length"]
            counts.value += label.sum(0)
        return label @ (totals.value / jnp.maximum(counts.value, 1.0))


class Discriminator(nn.Module):
    """The critic: a point's tangent vector at the mean, and its label, to a score.

    Attributes:
      num_classes: number of expressions.
      features: widths of the convolutions.
      hidden: width of the dense layer behind them.
    """

    num_classes: int = 6
    features: tuple[int, ...] = (64, 32, 16)
    hidden: int = 1024

    @nn.compact
    def __call__(
        self, point: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Scores points `[B, T, 136]`: `real_fake` `[B]`.

        A mixture of points, as a gradient penalty takes, is brought back to the sphere.
        """
        label = jax.nn.one_hot(condition["label"], self.num_classes)
        mean = sphere.RunningMean(point.shape[1:], name="mean")(
            condition["point"] if train else None
        )
        point = point / jnp.linalg.norm(point, axis=(1, 2), keepdims=True)
        x = jnp.moveaxis(sphere.log(mean, point), 1, 2)[..., None]
        for i, features in enumerate(self.features):
            layer = Conv(features, (5, 5), (2, 2), (2, 2), name=f"layer_{i}")
            x = nn.leaky_relu(layer(x, tiled=label), SLOPE)
        x = jnp.concatenate([x.reshape(len(x), -1), label], axis=-1)
        x = nn.leaky_relu(nn.Dense(self.hidden, name="hidden")(x), SLOPE)
        return {"real_fake": nn.Dense(1, name="score")(x)[:, 0]}


def normalised(landmarks: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Centre and size of landmarks `[..., 68, 2]`, and their shape without both.

    Returns:
      Centre `[..., 1, 2]`, size `[..., 1, 1]`, and the shape `[..., 136]` of norm 1.
    """
    centre = landmarks.mean(-2, keepdims=True)
    size = jnp.linalg.norm(landmarks - centre, axis=(-2, -1), keepdims=True)
    shape = (landmarks - centre) / size
    return centre, size, shape.reshape(*shape.shape[:-2], COORDINATES)


def condition(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Label and the photo's landmarks, and the real motion where there is one."""
    given = {"label": batch["label"]} | photo_landmarks(batch)
    given |= {"image": batch["photo"]} if "photo" in batch else {}
    if "landmarks" in batch:
        point, length = sphere.from_curve(normalised(batch["landmarks"])[2])
        given |= {"point": point, "length": length}
    return given


def real(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The real clips' points `[B, T, 136]`."""
    return {"point": condition(batch)["point"]}


def photo_landmarks(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """`photo_landmarks` `[B, 68, 2]`: given beside a photo, else those of a clip's first frame."""
    if "photo_landmarks" in batch:
        return {"photo_landmarks": batch["photo_landmarks"]}
    return {"photo_landmarks": batch["landmarks"][:, 0]}


def to_video(outputs: Mapping[str, jax.Array], condition: Mapping[str, jax.Array]) -> jax.Array:
    """The landmarks as white dots on black, `[B, T, H, W, 3]` in [-1, 1]."""
    side = condition["image"].shape[1] if "image" in condition else 64
    maps = heat_maps(outputs["landmarks"], side)
    return jnp.repeat(2.0 * maps - 1.0, 3, axis=-1)


def heat_maps(landmarks: jax.Array, side: int) -> jax.Array:
    """Dots with a standard deviation of one pixel at landmarks `[..., 68, 2]`.

    Returns:
      `[..., side, side, 1]` in [0, 1].
    """
    pixels = jnp.arange(side, dtype=landmarks.dtype)
    along = jnp.exp(-0.5 * jnp.square(landmarks[..., None] - pixels))
    # One product for all dots; where some overlap the sum is cut off.
    dots = jnp.einsum("...ly,...lx->...yx", along[..., 1, :], along[..., 0, :])
    return jnp.minimum(dots, 1.0)[..., None]


def tangent(context) -> jax.Array:
    """Mean absolute difference of the generated and the real motion in the tangent space."""
    return jnp.abs(context.outputs["tangent"] - context.outputs["real_tangent"]).mean()


def geodesic(context) -> jax.Array:
    """Mean angle between the generated and the real point, in radians."""
    return sphere.distance(context.outputs["point"], context.real["point"]).mean()


GENERATOR_LOSSES = {"tangent": tangent, "geodesic": geodesic}
