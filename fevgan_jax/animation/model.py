"""What a trained model of motion modes says about one face: fields to move and paint it by."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax.faces import units
from fevgan_jax.models import compositing
from fevgan_jax.models.inputs import to_signed
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training import released
from fevgan_jax.training.family import build_family

SHIPPED = "motion_modes"
"""The released weights that are used without a workdir."""


class Frame(NamedTuple):
    """How one frame differs from the photo.

    Attributes:
      flow: float32 `[S, S, 2]`, (column, row) in shares of the crop's side: where in the photo a
        pixel comes from, minus its own place.
      paint: float32 `[S, S]` in [0, 1], how much of a pixel is painted where movement allows it.
      colour: float32 `[S, S, 3]` in [-1, 1], with what.
      gate: how much paint the movement allows, in [0, 1].
      teeth: float32 `[S, S, 3]`, which place of which tooth a pixel would show, as
        `compositing.Fields.teeth` says.
    """

    flow: np.ndarray
    paint: np.ndarray
    colour: np.ndarray
    gate: float
    teeth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Motion:
    """How a face moves to one target, for M modes, T frames and fields of side S.

    Attributes:
      fields: of one photo and target.
      end: float32 `[1, M]`, as `compositing.on_the_way` takes it.
      amplitudes: float32 `[T, M]`.
      gate: float32 `[T]`, how much paint each frame allows.
      on_the_way: `compositing.on_the_way`, compiled for one frame.
    """

    fields: compositing.Fields
    end: np.ndarray
    amplitudes: np.ndarray
    gate: np.ndarray
    on_the_way: Callable[..., compositing.Frames]

    def __len__(self) -> int:
        return len(self.amplitudes)

    def __getitem__(self, t: int) -> Frame:
        made = self.on_the_way(self.fields, self.amplitudes[None, t, None], self.end)
        flow, paint, colour, teeth = (np.asarray(part)[0, 0] for part in made)
        return Frame(flow, paint[..., 0], colour, self.gate[t], teeth)


@dataclasses.dataclass(frozen=True)
class Animator:
    """A model that is ready to be asked.

    Attributes:
      generator: of the family `fevgan_jax.models.motion_modes`.
      variables: its parameters.
      side: of the crop that it was trained on, and of the fields it gives.
      presets: targets float32 `[56]` of the labels that it has learnt, by name.
    """

    generator: nn.Module
    variables: Any
    side: int
    presets: Mapping[str, np.ndarray]

    def prepare(self, num_targets: int, num_frames: int) -> Callable[..., list[Motion]]:
        """Starts to compile for so many targets and frames, and for what a photo shows.

        It goes on beside what the caller does next.

        Returns:
          `ask(face, targets, path) -> motions`, whose first call waits for the compiler: `face`
          uint8 `[S, S, 3]`, `targets` float32 `[N, 56]`, `path` float32 `[N, T]` in [0, 1], where
          on the way from what the photo shows to the target each frame is.
        """
        compiled = self._compiled(num_targets, num_frames)
        self._compiled(1, 1)  # what `shown` asks
        on_the_way = self._on_the_way

        def ask(face: np.ndarray, targets: np.ndarray, path: np.ndarray) -> list[Motion]:
            given = face[None], np.float32(targets), np.float32(path)
            made = jax.tree.map(np.asarray, compiled.result()(self.variables, *given))
            fields, end, amplitudes, gate, _ = made
            return [
                Motion(
                    compositing.Fields(*(field[row : row + 1] for field in fields)),
                    end[row : row + 1],
                    amplitudes[row],
                    gate[row],
                    on_the_way.result(),
                )
                for row in range(num_targets)
            ]

        return ask

    def shown(self, face: np.ndarray) -> np.ndarray:
        """The face units `[52]` that a crop uint8 `[S, S, 3]` shows."""
        neutral = np.zeros((1, units.SIZE), np.float32)
        compiled = self._compiled(1, 1)
        *_, shown = compiled.result()(self.variables, face[None], neutral, neutral[:, :1])
        return np.asarray(shown)[0]

    @functools.cache  # noqa: B019 (an animator lives as long as its process)
    def _compiled(self, num_targets: int, num_frames: int) -> Future:
        return _compile(*self._asked(num_targets, num_frames))

    @functools.cached_property
    def _on_the_way(self) -> Future:
        """`compositing.on_the_way` for one target's frame."""
        fields, end, amplitudes, *_ = jax.eval_shape(*self._asked(1, 1))
        return _compile(compositing.on_the_way, fields, amplitudes, end)

    def _asked(self, num_targets: int, num_frames: int) -> tuple[Any, ...]:
        """The function that answers, and the shapes of its arguments."""
        return (
            functools.partial(_symmetric, self.generator),
            self.variables,
            jax.ShapeDtypeStruct((1, self.side, self.side, 3), np.uint8),
            jax.ShapeDtypeStruct((num_targets, units.SIZE), np.float32),
            jax.ShapeDtypeStruct((num_targets, num_frames), np.float32),
        )

    def __hash__(self) -> int:
        return id(self)


def _compile(function: Callable[..., Any], *arguments: Any) -> Future:
    lowered = jax.jit(function).lower(*arguments)
    compiler = ThreadPoolExecutor(1)
    compiling = compiler.submit(lowered.compile)
    compiler.shutdown(wait=False)
    return compiling


def _symmetric(generator: nn.Module, variables: Any, face: jax.Array, targets, path):
    """The mean of what the network says of the face and of its mirror image.

    So a mirrored photo gives the mirrored video, whatever the network has not learnt about left
    and right (choice: twice the work of a small part). The modes of both are kept side by side,
    each at half its flow, because the mean of two sets of modes has no meaning of its own.

    Returns:
      Fields of N targets, their amplitudes at the end `[N, M]` and in the frames `[N, T, M]`, the
      gate `[N, T]`, and the units that the face shows `[N, 52]`.
    """
    image = to_signed(face)
    images = jnp.stack([image, image[:, :, ::-1]])
    count = len(units.NAMES)
    other = jnp.concatenate(
        [targets[:, jnp.array(units.MIRROR)], targets[:, count:] * units.MIRROR_HEAD], axis=-1
    )
    path = jnp.pad(path, ((0, 0), (0, 1)), constant_values=1.0)

    def predict(image, targets):
        return generator.apply(variables, image, targets, path, method=generator.predict)

    fields, amplitudes, shown = jax.vmap(predict)(images, jnp.stack([targets, other]))
    gate = compositing.gate(amplitudes, generator.gate).mean(0)

    def side_by_side(field, constants, signs=1.0):
        one, other = field[0], field[1][:, :, ::-1] * jnp.array(signs)
        mean, modes = (
            (one + other)[:, :, :, :constants],
            (x[:, :, :, constants:] for x in (one, other)),
        )
        return jnp.concatenate([mean, *modes], axis=3) / 2

    joined = compositing.Fields(
        flow=side_by_side(fields.flow, 0, (-1.0, 1.0)),
        mask=side_by_side(fields.mask, 1),
        colour=side_by_side(fields.colour, 1),
        teeth=side_by_side(fields.teeth, 1, (-1.0, 1.0, 1.0)),  # counted to the right
    )
    amplitudes = jnp.concatenate(list(amplitudes), axis=-1)
    mirrored_shown = shown[1][:, jnp.array(units.MIRROR)]
    shown = (shown[0] + mirrored_shown) / 2
    return joined, amplitudes[:, -1], amplitudes[:, :-1], gate[:, :-1], shown


@functools.cache
def load(workdir: str | os.PathLike | None = None, weights_dir: str | None = None) -> Animator:
    """Opens a trained run of motion modes, or the shipped weights when no workdir is given.

    Raises:
      UserError: the run cannot be opened, or is of another family.
    """
    if workdir is None:
        config, variables = released.generator(SHIPPED)
    else:
        # Reading checkpoints imports Orbax, which takes longer than all of the rest.
        from fevgan_jax.training import trained

        run = trained.load(workdir, weights_dir)
        config, variables = run.config, run.state.sampler.variables
    family = build_family(config)
    if not moves_photos(family.module):
        raise UserError(
            f"{workdir} is a run of {config.model.name}, which makes crops and cannot move the "
            "face of a whole photo: leave --workdir out, or give a run of motion modes."
        )
    learnt = variables["params"].get("presets", ())
    presets = dict(zip(config.data.class_names, map(np.asarray, learnt), strict=False))
    return Animator(family.generator, variables, config.data.clip_shape[1], presets)


def moves_photos(module: Any) -> bool:
    """Whether a family gives fields, which move a photo of any size."""
    return hasattr(module.Generator, "predict")
