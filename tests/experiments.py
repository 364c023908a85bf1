"""Small experiments that the tests share."""

import importlib
import json
import shutil

import jax
import numpy as np

from fevgan_jax.configs import demo
from fevgan_jax.run.checkpoint import Checkpoints
from fevgan_jax.run.workdir import keep_config
from fevgan_jax.training.family import build_family
from fevgan_jax.training.state import batch_shapes, init_state
from fevgan_jax.training.step import make_metrics

CLIP = (32, 64, 64, 3)


def narrow(config):
    """Makes a config narrow enough for a test: every width becomes 4."""
    family = importlib.import_module(config.model.name)
    for player, module in (("generator", "Generator"), ("discriminator", "Discriminator")):
        if not hasattr(family, module):
            continue
        fields = getattr(family, module).__dataclass_fields__
        for name, field in fields.items():
            if name.endswith("features") and isinstance(field.default, tuple):
                given = config.model[player].get(name, field.default)
                config.model[player][name] = tuple(min(width, 4) for width in given)
    if config.model.name == "fevgan_jax.models.fevgan":
        config.model.generator.decoder_features = (8, 8, 4, 4)
    return config


def without_frozen_nets():
    """A narrow demo config whose step needs no frozen net."""
    config = narrow(demo.get_config())
    config.model.identity_encoder = None
    del config.generator_loss.identity
    return config


def of_key_frames():
    """The same for first and last frames, without a discriminator."""
    config = without_frozen_nets()
    config.data.clip_shape = (2, *CLIP[1:])
    config.model.generator.key_frames = True
    config.generator_loss = {"reconstruction": 100.0}
    config.discriminator_loss = {}
    return config


def random_batch(size, seed=0, clip_shape=CLIP):
    random = np.random.default_rng(seed)
    return {
        "video": random.integers(0, 256, (size, *clip_shape), np.uint8),
        "label": random.integers(0, 6, size).astype(np.int32),
    }


def batch_for(config, family, seed=0):
    """A random batch of the features that a family is trained on, two rows a critic step."""
    random = np.random.default_rng(seed)

    def draw(leaf):
        if leaf.dtype == np.uint8:
            return random.integers(0, 256, leaf.shape, np.uint8)
        if leaf.dtype == np.int32:
            return random.integers(0, 6, leaf.shape).astype(np.int32)
        return random.uniform(0.0, 1.0, leaf.shape).astype(leaf.dtype)

    shapes = batch_shapes(config, family, 2 * config.rule.critic_steps)
    return {name: draw(leaf) for name, leaf in shapes.items()}


def start(config):
    """The modules and the initial state of a config."""
    family = build_family(config)
    return family, jax.jit(lambda: init_state(config, family, make_metrics(config, family)))()


def vivid(state):
    """A state whose generator has larger weights, so that its videos depend on photo and label."""
    larger = jax.tree.map(lambda x: 5.0 * x, state.generator.params)
    average = state.average and state.average.replace(params=larger)
    return state.replace(generator=state.generator.replace(params=larger), average=average)


def untrained_run(config, workdir):
    """A workdir with the checkpoint of a config's initial state, made vivid."""
    state = vivid(start(config)[1])
    keep_config(config, workdir)
    (workdir / "metrics.jsonl").touch()
    with Checkpoints(workdir) as checkpoints:
        checkpoints.save(0, state, {})
        checkpoints.wait()
    return state


def forget_layout(checkpoint):
    """Makes a checkpoint's folder one of version 1, which did not say so."""
    shutil.rmtree(checkpoint / "layout")
    seal = json.loads((checkpoint / "sha256.json").read_text())
    kept = {name: digest for name, digest in seal.items() if not name.startswith("layout/")}
    (checkpoint / "sha256.json").write_text(json.dumps(kept))
