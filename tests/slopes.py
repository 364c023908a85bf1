"""Compares gradients through the frozen nets with finite differences."""

import jax
import jax.numpy as jnp
import numpy as np

from fevgan_jax import recognizers


def assert_gradient_reaches_the_picture(net, features, params):
    """The slope along one direction, in double precision, by a step too short to cross a kink."""
    with jax.enable_x64(True):
        params = {
            name: jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params[name])
            for name in recognizers.shapes(net, features)
        }
        random = np.random.default_rng(0)
        image, direction = (jnp.asarray(random.uniform(-1, 1, (1, 32, 32, 3))) for _ in range(2))

        @jax.jit
        def energy(image):
            maps = recognizers.encode({"name": net, "features": features}, {net: params}, image)
            return jnp.sum(maps * jnp.linspace(-1.0, 1.0, maps.size).reshape(maps.shape))

        slope = jnp.vdot(jax.grad(energy)(image), direction)
        step = 1e-7
        ahead, behind = energy(image + step * direction), energy(image - step * direction)
        assert abs(float(slope)) > 1e-3
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-3)
