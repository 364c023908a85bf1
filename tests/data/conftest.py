"""What the tests of this room share."""

import pytest

from fevgan_jax.data import prepared
from tests import tiny_clips


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """The folder of a small set, prepared."""
    return tiny_clips.prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def source(data_dir):
    """Its training split."""
    return prepared.open_source(data_dir, "tiny_clips/demo", "train")
