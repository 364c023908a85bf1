"""What the tests of this room share."""

import pytest
import skimage.data

from fevgan_jax.faces import find


@pytest.fixture(scope="session")
def face():
    """A photo and the landmarks of its face."""
    picture = skimage.data.astronaut()
    (found,) = find.faces(picture)
    return picture, found.landmarks
