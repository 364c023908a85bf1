"""`make demo`, run with a smaller size."""

import pathlib
import shlex
import subprocess

import pytest

from fevgan_jax.configs import demo as demo_config
from fevgan_jax.demo import demo
from fevgan_jax.runtime.errors import UserError
from tests.test_readme import NARROW, ROOT, SMALL, run

PAIRS = ["--config.data.dataset=synthetic_faces/pairs_tiny"]


@pytest.mark.parametrize(("config", "more"), [("motion_modes_demo", PAIRS), ("demo", NARROW)])
def test_make_demo_ends_with_files_to_look_at(config, more, tmp_path, environment):
    # `make test` passes its own ARGS down.
    make = ["make", "--dry-run", "demo", "ARGS="]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = (line for line in said.stdout.splitlines() if "fevgan_jax.demo" in line)
    command = shlex.split(line.replace("motion_modes_demo", config))
    size = [*more, "--config.eval.dataset=synthetic_faces/tiny", "--config.num_steps=1"]
    size += [f"--output={tmp_path}", "--config.batch_size=2", "--config.num_samples=1", *SMALL]
    size += ["--config.eval.metrics=('psnr','motion')"]  # the README's `evaluate` measures all
    lines = run(command, size, ROOT, environment).splitlines()
    assert lines[-1] == f"tensorboard --logdir={tmp_path / 'workdir'}"
    made = [pathlib.Path(line) for line in lines if line.startswith(str(tmp_path))]
    assert all(path.stat().st_size > 0 for path in made)
    assert sum(path.suffix == ".gif" for path in made) == 12
    assert sum(path.suffix == ".mp4" for path in made) == 12


def test_a_config_that_cannot_be_used_is_refused_before_anything_is_rendered(tmp_path):
    config = demo_config.get_config()
    config.log_every = 0
    with pytest.raises(UserError, match=r"config\.log_every is 0"):
        demo(config, tmp_path / "output")
    assert not (tmp_path / "output").exists()
