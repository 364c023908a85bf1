"""A temporary folder of the session's own, in which nothing may be left.

Every process that a test starts has it too, workers of xdist included; pytest's own folders stay
where they would be without it.
"""

import atexit
import os
import shutil
import tempfile

import pytest

_MARK = "FEVGAN_TEST_SESSION_TMP"
_ENDS_WITH_ITS_PROCESS = "pymp-"  # multiprocessing removes it when pytest itself ends

if _MARK not in os.environ:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ[_MARK] = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="fevgan_tests_")
    atexit.register(shutil.rmtree, os.environ[_MARK], ignore_errors=True)
tempfile.tempdir = os.environ[_MARK]


def _left() -> list[str]:
    names = os.listdir(os.environ[_MARK])
    return sorted(name for name in names if not name.startswith(_ENDS_WITH_ITS_PROCESS))


@pytest.hookimpl(trylast=True)  # after xdist has ended its workers
def pytest_sessionfinish(session):
    """Fails the session."""
    if not hasattr(session.config, "workerinput") and _left():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    """Says what was left."""
    if left := _left():
        terminalreporter.section("left in the temporary folder", red=True)
        terminalreporter.line(f"use tmp_path, or remove it: {', '.join(left)}")
