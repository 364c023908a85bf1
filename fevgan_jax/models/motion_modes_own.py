"""Motion modes on real clips, of which no face units are known: each label's preset is learnt.

A label has 56 target units and a course over time of its own; both start as the rendered ones. The
fields and curves are those of `motion_modes`, which this family goes on training by pixels.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.faces import units
from fevgan_jax.models import compositing, fevgan, motion_modes, pair_losses
from fevgan_jax.runtime.errors import UserError


class Generator(motion_modes.Generator):
    """A photo and a label to the frames of a clip.

    Attributes:
      num_classes: number of labels.
      num_frames: frames T of a clip.
      start: for each label the expression whose rendered preset it starts from.
    """

    num_classes: int = 6
    num_frames: int = motion_modes.NUM_FRAMES
    start: tuple[str, ...] = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")

    def setup(self) -> None:
        """Names the parts: those of `motion_modes`, and a preset and a course for each label.

        Raises:
          UserError: `start` does not have one name for each label.
        """
        super().setup()
        if len(self.start) != self.num_classes:
            raise UserError(
                f"config.model.generator.start names {len(self.start)} expressions, and the data "
                f"set has {self.num_classes} labels: give one name for each, in their order."
            )
        steps = np.diff(units.course(self.num_frames))
        shape = self.num_classes, len(steps)
        self.presets = self.param("presets", lambda _: jnp.asarray(units.table(self.start)))
        self.pace = self.param(
            "pace", lambda _: jnp.broadcast_to(jnp.log(steps + 1e-5).astype(jnp.float32), shape)
        )

    def __call__(self, condition: Mapping[str, jax.Array], *, train: bool) -> dict[str, jax.Array]:
        """Generates a clip.

        Args:
          condition: `image` `[B, S, S, 3]` in [-1, 1] and `label` `[B]` int32.
          train: not used; there is no BatchNorm.

        Returns:
          The results of `compositing.compose` with T frames, and `drift` `[B, 56]`, how far the
          label's preset is from where it started.
        """
        del train
        label = condition["label"]
        target = self.presets[label]
        # Shares of the way add up to 1: a course never goes back.
        path = jnp.cumsum(jax.nn.softmax(self.pace), axis=1)[label]
        path = jnp.pad(path, ((0, 0), (1, 0)))
        fields, code, _ = self.fields(condition["image"], target)
        amplitudes = self.curves(code, path)
        end = self.curves(code, jnp.ones((len(code), 1)))[:, 0]
        outputs = compositing.compose(condition["image"], fields, amplitudes, end, self.gate)
        return outputs | {"drift": target - jnp.asarray(units.table(self.start))[label]}


class Discriminator(nn.Module):
    """Judges frames one by one, and the clip with its label; for configs with an adversarial loss.

    Attributes:
      num_classes: number of labels.
      features: widths of the part that judges frames, which is that of `motion_modes`.
      video_features: widths of the part that judges clips, which is that of `fevgan`.
    """

    num_classes: int = 6
    features: tuple[int, ...] = (32, 64, 128)
    video_features: tuple[int, ...] = (16, 32, 64, 128)

    @nn.compact
    def __call__(
        self, video: jax.Array, condition: Mapping[str, jax.Array], *, train: bool
    ) -> dict[str, jax.Array]:
        """Judges a video `[B, T, S, S, 3]` in [-1, 1] with its `label` `[B]`.

        Returns:
          `real_fake_image` `[B, T, S/8, S/8]`, logits of patches, and `real_fake_video` `[B]`.
        """
        frames = motion_modes.Discriminator(self.features, name="image")
        clip = fevgan.Discriminator(self.num_classes, self.video_features, name="video")
        judges = {"image": frames, "video": clip}
        return {
            f"real_fake_{name}": judge(video, condition, train=train)["real_fake"]
            for name, judge in judges.items()
        }


def drift(context) -> jax.Array:
    """Mean square of how far presets are from where they started."""
    return jnp.square(context.outputs["drift"]).mean()


def paint(context) -> jax.Array:
    """Mean share of painted pixels."""
    return context.outputs["mask"].mean()


GENERATOR_LOSSES = {"smooth": pair_losses.smooth, "drift": drift, "paint": paint}
