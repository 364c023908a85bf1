import subprocess
import sys

PROGRAM = """
import errno
from absl import flags
from fevgan_jax import cli
from fevgan_jax.errors import UserError
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


def test_a_full_disk_is_the_users_to_mend_and_a_bug_is_ours():
    full, bug = run("--name=full"), run("--name=bug")
    assert full.returncode == 2
    assert full.stderr.startswith("error: cannot write: No space left")
    assert bug.returncode == 1
    assert "Traceback" in bug.stderr
