"""Every command of the README and its page on frozen nets, run with a smaller size."""

import pathlib
import re
import shlex
import subprocess
import sys

from fevgan_jax.run import media
from fevgan_jax.tfds_builders.synthetic_faces.clip import render_subject

ROOT = pathlib.Path(__file__).parent.parent
NARROW = (
    "--config.data.dataset=synthetic_faces/tiny",
    "--config.model.generator.encoder_features=(4,4,4,4)",
    "--config.model.generator.decoder_features=(8,8,4,4)",
    "--config.model.discriminator.features=(4,4,4,4)",
    "--config.identity_loss.frames=(31,)",
    "--config.num_samples=2",
    "--config.batch_size=4",
)
SMALL = [
    "--config.eval.max_clips=2",
    "--config.eval.batch_size=2",
    "--config.eval.classifier_steps=2",
]
SIZES = {
    "prepare": ["--dataset=synthetic_faces/tiny"],
    "main": [*NARROW, *SMALL, "--config.num_steps=1"],
    "evaluate": [],
    "compare": [],
    "generate": [],
    "weights": [],
}


def commands():
    text = "".join((ROOT / page).read_text() for page in ("README.md", "docs/frozen_nets.md"))
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`(python -m fevgan_jax\.[^`]*)`", text)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line) for line in [*lines, *inline] if line.startswith("python ")]


def run(command, size, cwd, environment):
    done = subprocess.run(
        [sys.executable, *command[1:], *size],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_verbs_work_in_the_order_the_readme_gives(tiny_data, tmp_path, environment):
    environment = environment | {"TFDS_DATA_DIR": str(tiny_data)}
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "me.jpg").write_bytes(media.png(render_subject(7, "fear")["video"][0]))
    verbs = []
    for command in commands():
        verbs.append(command[2].removeprefix("fevgan_jax."))
        printed = run(command, SIZES[verbs[-1]], tmp_path, environment)
        if verbs[-1] == "evaluate":
            assert "copy-input" in printed
    assert set(verbs) == set(SIZES)
    assert (tmp_path / "report" / "index.html").stat().st_size > 0
    assert (tmp_path / "out" / "happiness.gif").stat().st_size > 0
    assert (tmp_path / "out" / "happiness.mp4").stat().st_size > 0
