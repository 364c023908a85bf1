"""FEV-GAN's training step in PyTorch, written for speed.

The same model, losses and update as `fevgan_jax.training.step`, so that a comparison of speed
compares the same work: one generator forward, separate discriminator passes on the real and the
generated video, both gradients before either update, two Adam optimizers. Tensors are
channels-last; on a GPU the step is compiled, its arithmetic is bfloat16 under autocast, and Adam is
fused.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fevgan_jax import recognizers
from fevgan_jax.models.fevgan import CODE_SIDE, SLOPE

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


class Generator(nn.Module):
    """E_s and the decoder, see `fevgan_jax.models.fevgan.Generator`."""

    def __init__(self, identity_maps: int, num_classes: int, encoder_features, decoder_features):
        super().__init__()
        widths = (3, *encoder_features)
        self.encoder = nn.Sequential()
        for i, (given, made) in enumerate(itertools.pairwise(widths)):
            self.encoder.add_module(f"encoder_{i}", nn.Conv2d(given, made, 4, 2, 1, bias=False))
            self.encoder.add_module(f"encoder_norm_{i}", nn.BatchNorm2d(made))
            self.encoder.add_module(f"relu_{i}", nn.ReLU(inplace=True))
        code = identity_maps + (encoder_features[-1] if encoder_features else 0) + num_classes
        self.decoder = nn.Sequential()
        for i, (given, made) in enumerate(
            zip((code, *decoder_features[:-1]), decoder_features, strict=True)
        ):
            shape = (4, 2, 1) if i else ((2, 1, 1), 1, 0)
            layer = nn.ConvTranspose3d(given, made, *shape, bias=False)
            self.decoder.add_module(f"decoder_{i}", layer)
            self.decoder.add_module(f"decoder_norm_{i}", nn.BatchNorm3d(made))
            self.decoder.add_module(f"relu_{i}", nn.ReLU(inplace=True))
        self.decoder.add_module("video", nn.ConvTranspose3d(decoder_features[-1], 3, 4, 2, 1))

    def forward(self, image, identity, label):
        """Makes a video `[B, 3, T, H, W]` in [-1, 1]."""
        parts = [] if identity is None else [identity]
        if len(self.encoder):
            parts.append(self.encoder(image))
        parts.append(label[:, :, None, None].expand(-1, -1, CODE_SIDE, CODE_SIDE))
        return torch.tanh(self.decoder(torch.cat(parts, 1)[:, :, None]))


class Discriminator(nn.Module):
    """Five 3D convolutions, see `fevgan_jax.models.fevgan.Discriminator`."""

    def __init__(self, num_classes: int, features):
        super().__init__()
        widths = (3 + num_classes, *features)
        self.layers = nn.Sequential()
        for i, (given, made) in enumerate(itertools.pairwise(widths)):
            self.layers.add_module(f"layer_{i}", nn.Conv3d(given, made, 4, 2, 1, bias=i == 0))
            if i:
                self.layers.add_module(f"norm_{i}", nn.BatchNorm3d(made))
            self.layers.add_module(f"relu_{i}", nn.LeakyReLU(SLOPE, inplace=True))
        self.layers.add_module("logit", nn.Conv3d(features[-1], 1, (2, 4, 4)))

    def forward(self, video, label):
        """Judges `[B, 3, T, H, W]`: logits `[B]`."""
        beside = label[:, :, None, None, None].expand(-1, -1, *video.shape[2:])
        seen = torch.cat([video, beside.to(video.dtype)], 1)
        return self.layers(seen.contiguous(memory_format=torch.channels_last_3d)).flatten(1).mean(1)


class Trunk(nn.Module):
    """The frozen recogniser: VGG-16's convolutions as deep as the features asked for need."""

    def __init__(self, net: str, features: str, params: Mapping[str, Any]):
        super().__init__()
        self.wanted = features.split("+")
        self.layers = nn.ModuleDict()
        for name in recognizers.module(net).LAYERS:
            if name.startswith("pool"):
                self.layers[name] = nn.MaxPool2d(2)
            elif name in params:
                depth, width = params[name]["kernel"].shape[2:]
                self.layers[name] = nn.Conv2d(depth, width, 3, padding=1)
                self.layers[name].load_state_dict(_convolution(params[name]))
            if set(self.wanted) <= set(self.layers):
                break
        # Preprocessing is a scale and a shift per channel: measured at two pixel values.
        black, white = (
            np.asarray(recognizers.module(net).preprocess(np.full((1, 1, 1, 3), value)))[0, 0, 0]
            for value in (-1.0, 1.0)
        )
        self.flip = net == "vggface"
        self.register_buffer("scale", torch.tensor((white - black) / 2)[:, None, None].float())
        self.register_buffer("shift", torch.tensor((white + black) / 2)[:, None, None].float())
        self.requires_grad_(False)

    def forward(self, image):
        """Feature maps `[B, D, h, w]` at unit scale of RGB `[B, 3, H, W]` in [-1, 1]."""
        x = (image.flip(1) if self.flip else image) * self.scale + self.shift
        found = {}
        for name, layer in self.layers.items():
            x = layer(x) if name.startswith("pool") else F.relu(layer(x))
            if name in self.wanted:
                mean_square = x.float().square().mean((1, 2, 3), keepdim=True)
                found[name] = x / (mean_square + 1e-8).sqrt()
        return torch.cat([found[name] for name in self.wanted], 1)


class Peer:
    """One experiment in training.

    Attributes:
      device: the device of the step.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        variables: Mapping,
        frozen: Mapping,
        compiled: bool | None = None,
    ):
        """Builds it from weights of ours.

        Args:
          config: a FEV-GAN experiment with the terms adversarial, reconstruction, identity, and
            Adam for both players.
          variables: parameters of `generator` and `discriminator`.
          frozen: parameters of the frozen nets, by name.
          compiled: whether PyTorch compiles it; None compiles on a GPU, where that is faster.
        """
        self._config = config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = True
        self._num_classes = len(config.data.class_names)
        encoder = config.model.identity_encoder
        self._eye = Trunk(encoder.name, encoder.features, frozen[encoder.name])
        judged = config.identity_loss.encoder
        self._judge = Trunk(judged.name, judged.features, frozen[judged.name])
        maps = variables["generator"]["decoder_0"]["kernel"].shape[-1] - self._num_classes
        if config.model.generator.encoder_features:
            maps -= config.model.generator.encoder_features[-1]
        self._generator = Generator(
            maps,
            self._num_classes,
            config.model.generator.encoder_features,
            config.model.generator.decoder_features,
        )
        self._discriminator = Discriminator(self._num_classes, config.model.discriminator.features)
        for module, params in (
            (self._generator, variables["generator"]),
            (self._discriminator, variables["discriminator"]),
        ):
            _load(module, params)
        for module in (self._eye, self._judge, self._generator, self._discriminator):
            module.to(self.device)
            for parameter in module.parameters():
                if layout := _CHANNELS_LAST.get(parameter.dim()):
                    parameter.data = parameter.data.contiguous(memory_format=layout)
        self._optimizers = [
            _adam(self._generator, config.generator_optimizer),
            _adam(self._discriminator, config.discriminator_optimizer),
        ]
        self._gradients = self._losses_and_gradients
        if compiled or (compiled is None and self.device.type == "cuda"):
            # Without it the graph breaks at each of the two gradients, and each becomes a backward
            # pass through the whole graph, including inputs whose gradient is not needed.
            torch._dynamo.config.trace_autograd_ops = True
            self._gradients = torch.compile(self._losses_and_gradients, fullgraph=True)

    def step(self, batch: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
        """Takes one step.

        Args:
          batch: `video` uint8 `[B, T, H, W, C]` and `label` `[B]`.

        Returns:
          Every loss, before its weight, as scalars on the device.
        """
        return self._step(batch, self._gradients)

    def count_gigaflop(self, batch: Mapping[str, np.ndarray]) -> float:
        """Takes a step and counts its arithmetic: convolutions, forward and backward."""
        with FlopCounterMode(display=False) as counter:
            # Not compiled: the counter does not see the compiler's kernels.
            self._step(batch, self._losses_and_gradients)
        return 1e-9 * counter.get_total_flops()

    def _step(self, batch: Mapping[str, np.ndarray], gradients: Callable) -> dict[str, Any]:
        video = torch.from_numpy(batch["video"]).to(self.device, non_blocking=True)
        label = torch.from_numpy(batch["label"]).long().to(self.device, non_blocking=True)
        values, *of_players = gradients(video, label)
        players = (self._generator, self._discriminator)
        for optimizer, module, found in zip(self._optimizers, players, of_players, strict=True):
            for parameter, gradient in zip(module.parameters(), found, strict=True):
                parameter.grad = gradient
            optimizer.step()
        return values

    def wait(self) -> None:
        """Waits until the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def peak_bytes(self) -> int | None:
        """Peak memory on the device in bytes; None on a CPU."""
        return torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None

    def _losses_and_gradients(self, video, label):
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            values, generator_loss, discriminator_loss = self._losses(video, label)
        judging = torch.autograd.grad(
            discriminator_loss, list(self._discriminator.parameters()), retain_graph=True
        )
        making = torch.autograd.grad(generator_loss, list(self._generator.parameters()))
        return {name: value.detach() for name, value in values.items()}, making, judging

    def _losses(self, video, label):
        config = self._config
        # A permuted view of [B, T, H, W, C] has the channels-last layout.
        video = video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1.0
        label = F.one_hot(label, self._num_classes).float()
        image = video[:, :, 0].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            seen = self._eye(image)
            target = seen if self._same_eye() else self._judge(image)
        fake = self._generator(image, seen, label)
        real_logits = self._discriminator(video, label)
        fake_logits = self._discriminator(fake, label)
        bce = F.binary_cross_entropy_with_logits
        values = {
            "discriminator_adversarial": bce(real_logits, torch.ones_like(real_logits))
            + bce(fake_logits, torch.zeros_like(fake_logits)),
            "generator_adversarial": bce(fake_logits, torch.ones_like(fake_logits)),
            "generator_reconstruction": F.l1_loss(fake, video),
        }
        frames = fake[:, :, list(config.identity_loss.frames)].transpose(1, 2).flatten(0, 1)
        maps = self._judge(frames.contiguous(memory_format=torch.channels_last))
        target = target.repeat_interleave(len(config.identity_loss.frames), 0)
        values["generator_identity"] = F.l1_loss(maps, target)
        weights = config.generator_loss
        total = sum(weights[name] * values[f"generator_{name}"] for name in weights)
        return values, total, values["discriminator_adversarial"]

    def _same_eye(self) -> bool:
        return self._config.model.identity_encoder == self._config.identity_loss.encoder


def _adam(module: nn.Module, config) -> torch.optim.Adam:
    return torch.optim.Adam(
        module.parameters(),
        lr=config.learning_rate,
        betas=(config.b1, config.b2),
        fused=True,
    )


def _load(module: nn.Module, params: Mapping[str, Mapping[str, Any]]) -> None:
    """Copies our parameters into the layers of the same names."""
    layers = {name.split(".")[-1]: layer for name, layer in module.named_modules()}
    for name, arrays in params.items():
        layer = layers[name]
        if "scale" in arrays:
            state = {"weight": _tensor(arrays["scale"]), "bias": _tensor(arrays["bias"])}
        else:
            state = _convolution(arrays)
        layer.load_state_dict(state, strict=False)


def _convolution(arrays: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Our kernels are `[sides.., C_big, C_small]`, PyTorch's `[C_small, C_big, sides..]`.

    That holds for transposed convolutions as well: both take them as the adjoint of the one with
    the same kernel.
    """
    *sides, big, small = range(np.ndim(arrays["kernel"]))
    state = {"weight": _tensor(np.transpose(arrays["kernel"], (small, big, *sides)))}
    if "bias" in arrays:
        state["bias"] = _tensor(arrays["bias"])
    return state


def _tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))
