"""The second step of Otberdout et al. 2019: a photo and landmarks to pictures.

Its details are unpublished (choice: a U-Net and a patch discriminator, as in pix2pix). To sample,
the landmarks come from MotionGAN, whose generator is a frozen part of this one.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from fevgan_jax.data.clips import window
from fevgan_jax.models import motiongan
from fevgan_jax.models.layers import Conv, ConvTranspose, batch_norm
from fevgan_jax.models.motiongan import heat_maps, photo_landmarks

FEATURES = ("video", "landmarks", "label")
JUDGED = ("video", "landmarks")
GIVEN = ("photo", "landmarks", "label")
SLOPE = 0.2
_HALVES = ((4, 4), (2, 2), (1, 1))


class Generator(nn.Module):
    """MotionGAN's generator, and a U-Net from photo and landmarks to each frame.

    Attributes:
      num_classes: number of expressions.
      num_frames: frames T of the motion.
      motion_features: `features` of MotionGAN's generator.
      encoder_features: widths of the U-Net's way down.
      decoder_features: widths of its way up, before the picture.
    """

    num_classes: int = 6
    num_frames: int = 32
    motion_features: tuple[int, ...] = (512, 256, 128)
    encoder_features: tuple[int, ...] = (64, 128, 256, 512, 512, 512)
    decoder_features: tuple[int, ...] = (512, 512, 256, 128, 64)

    @nn.compact
    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates frames.

        Args:
          condition: `image` `[B, 64, 64, 3]` in [-1, 1], `photo_landmarks` `[B, 68, 2]` in pixels,
            `label` and `key` `[B]`; in training the `landmarks` `[B, T, 68, 2]` of the frames.
          train: BatchNorm uses the batch's statistics and moves its averages.

        Returns:
          `video` `[B, T, 64, 64, 3]` in [-1, 1], and the `landmarks` it was made for.
        """
        landmarks = condition.get("landmarks")
        if not train:
            motion = motiongan.Generator(
                self.num_classes, self.num_frames, features=self.motion_features, name="motion"
            )
            landmarks = motion(condition, train=False)["landmarks"]
        x, maps = pictures(condition, landmarks), []
        last = len(self.encoder_features) - 1
        for i, features in enumerate(self.encoder_features):
            plain = i in (0, last)
            x = Conv(features, *_HALVES, use_bias=plain, name=f"encoder_{i}")(x)
            if not plain:
                x = batch_norm(train=train, name=f"encoder_norm_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
            maps.append(x)
        maps.pop()
        for i, features in enumerate(self.decoder_features):
            x = ConvTranspose(features, *_HALVES, use_bias=False, name=f"decoder_{i}")(x)
            x = nn.relu(batch_norm(train=train, name=f"decoder_norm_{i}")(x))
            x = jnp.concatenate([x, maps.pop()], axis=-1)
        x = nn.tanh(ConvTranspose(3, *_HALVES, name="rgb")(x).astype(jnp.float32))
        return {"video": x.reshape(*landmarks.shape[:2], *x.shape[1:]), "landmarks": landmarks}


class Discriminator(nn.Module):
    """Patches of a frame, beside the photo and both pictures of landmarks, to logits.

    Attributes:
      features: widths before the logits.
    """

    features: tuple[int, ...] = (64, 128, 256)

    @nn.compact
    def __call__(
        self, judged: Mapping[str, jax.Array], condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges `video` `[B, T, 64, 64, 3]` with its `landmarks`: `real_fake` `[B T, 7, 7, 1]`."""
        frames = judged["video"].reshape(-1, *judged["video"].shape[2:])
        x = jnp.concatenate([pictures(condition, judged["landmarks"]), frames], axis=-1)
        for i, features in enumerate(self.features):
            x = Conv(features, *_HALVES, use_bias=i == 0, name=f"layer_{i}")(x)
            if i:
                x = batch_norm(train=train, name=f"norm_{i}")(x)
            x = nn.leaky_relu(x, SLOPE)
        logits = Conv(1, (4, 4), padding=(1, 1), name="logit")(x)
        return {"real_fake": logits.astype(jnp.float32)}


def pictures(condition: Mapping[str, jax.Array], landmarks: jax.Array) -> jax.Array:
    """Photo, its landmarks and those of each frame, side by side: `[B T, H, W, 5]`."""
    image = condition["image"]
    side, frames = image.shape[1], landmarks.shape[1]
    photo = jnp.concatenate([image, heat_maps(condition["photo_landmarks"], side)], axis=-1)
    photo = jnp.broadcast_to(photo[:, None], (len(photo), frames, *photo.shape[1:]))
    both = jnp.concatenate([photo, heat_maps(landmarks, side)], axis=-1)
    return both.reshape(-1, *both.shape[2:])


def augment(
    batch: Mapping[str, jax.Array], keys: jax.Array, *, frames: int
) -> dict[str, jax.Array]:
    """Cuts each clip to so many random frames in a row; the photo's landmarks are kept."""
    return window({**batch, **photo_landmarks(batch)}, frames, keys)


def condition(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Photo, its landmarks and the label, and the frames' landmarks where there are any."""
    given = {"image": batch["photo"], "label": batch["label"]} | photo_landmarks(batch)
    return given | {name: batch[name] for name in ("landmarks",) if name in batch}


def real(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Real frames and their landmarks."""
    return {"video": batch["video"], "landmarks": batch["landmarks"]}
