"""deepface's own Keras definitions with random weights, as files."""

import importlib
import os

import flax.linen as nn
import h5py
import jax
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group


def build(net):
    """deepface's model with random weights and BatchNorm statistics.

    `net` is deepface's module, "VGGFace" or "OpenFace".
    """
    os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "tensorflow")
    module = importlib.import_module(f"deepface.models.facial_recognition.tf.{net}")
    keras.utils.set_random_seed(0)
    if net == "VGGFace":
        model = module.base_model()
    else:
        utils = module.weight_utils
        download, fill = utils.download_weights_if_necessary, utils.load_model_weights
        utils.download_weights_if_necessary = lambda **_: None
        utils.load_model_weights = lambda model, weight_file: model
        try:
            model = module.load_model()
        finally:
            utils.download_weights_if_necessary, utils.load_model_weights = download, fill
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gain, variance = random.uniform(0.5, 2.0, (2, layer.gamma.shape[0]))
            shift, mean = random.normal(0.0, 0.5, (2, layer.gamma.shape[0]))
            layer.set_weights([gain, shift, mean, variance])
        elif layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.normal(0.0, 0.1, bias.shape)])
    return model


def save(model, path):
    """Writes the weights in the format that deepface distributes."""
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


def assert_close(ours, theirs, name=""):
    """Asserts equality to 1e-4 of the largest value."""
    theirs = np.asarray(theirs)
    error = np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()
    assert error < 1e-4, f"{name}: {error:.1e} of the largest value"


def every_layer(network, params, image):
    """All of a net's feature maps by name, before they are scaled."""

    class EveryLayer(type(network)):
        @nn.compact
        def __call__(self, image):
            return dict(self.layers(image))

    everything = EveryLayer(features=network.features)
    return jax.jit(everything.apply)({"params": params}, image)
