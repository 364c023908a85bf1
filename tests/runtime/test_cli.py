import os
import subprocess
import sys

PROGRAM = """
import errno
from absl import flags
from fevgan_jax.runtime import cli
from fevgan_jax.runtime.errors import UserError
NAME = flags.DEFINE_string("name", None, "a name", required=True)

def main():
    if NAME.value == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "there")
    if NAME.value == "bug":
        raise OSError("ours")
    raise UserError(f"no {NAME.value}: mend it.")

cli.run(main)
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )


def test_bad_input_is_one_sentence_and_status_two():
    done = run("--name=thing")
    assert done.returncode == 2
    assert done.stderr == "error: no thing: mend it.\n"


def test_a_wrong_or_missing_flag_is_bad_input():
    for arguments, named in (([], "name"), (["--nmae=x"], "nmae"), (["--name=x", "lost"], "lost")):
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert named in done.stderr
        assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_sentence_and_a_bug_a_traceback():
    full, bug = run("--name=full"), run("--name=bug")
    assert full.returncode == 2
    assert full.stderr.startswith("error: cannot write: No space left")
    assert bug.returncode == 1
    assert "Traceback" in bug.stderr


def test_llvm_options_are_set_only_without_accelerators(tmp_path):
    (tmp_path / "jax_plugins").mkdir()  # an accelerator's package is recognised by this
    asked = "import os; print(os.environ['XLA_FLAGS'])"
    program = f"from fevgan_jax.runtime import cli\ncli.run(lambda: exec({asked!r}))"
    without_plugins = "import sys; sys.modules |= dict.fromkeys(('jax_plugins', 'libtpu'))\n"

    def flags(program, **settings):
        settings = os.environ | {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false"} | settings
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=settings, capture_output=True, text=True, check=True)

    with_options = flags(program, JAX_PLATFORMS="cpu").stdout
    assert "-disable-lsr" in with_options and "--xla_cpu_enable_fast_math=false" in with_options
    assert flags(without_plugins + program, JAX_PLATFORMS="").stdout == with_options
    beside = {"PYTHONPATH": str(tmp_path)}
    assert flags(program, JAX_PLATFORMS="cpu", **beside).stdout == with_options
    assert "-disable-lsr" not in flags(program, JAX_PLATFORMS="", **beside).stdout
