import os
import pathlib
import subprocess
import sys

import pytest

CLEAN = """
def test_clean(tmp_path):
    import tempfile
    (tmp_path / "stays").touch()
    with tempfile.TemporaryDirectory():
        pass
"""
LEAKS = """
def test_leaks():
    import subprocess, sys
    program = "import tempfile; tempfile.mkdtemp(prefix='forgotten_')"
    subprocess.run([sys.executable, "-c", program], check=True)
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(("tests", "status"), [(CLEAN, 0), (CLEAN + LEAKS, 1)])
def test_a_session_that_leaves_something_fails(tmp_path, tests, status, workers):
    if workers:
        pytest.importorskip("xdist")
    (tmp_path / "test_it.py").write_text(tests)
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "TMPDIR").mkdir()
    own = {"TMPDIR": str(tmp_path / "TMPDIR"), "PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "pytest", "-p", "tests.leftovers", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *workers, "test_it.py"],
        cwd=tmp_path,
        env=kept | own,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert ("remove it: forgotten_" in done.stdout) == bool(status)
    # The session's own folder is gone with what was left in it; pytest's own are where they were.
    assert [path.name.split("-")[0] for path in (tmp_path / "TMPDIR").iterdir()] == ["pytest"]
