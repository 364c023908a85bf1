"""Start and end of every command: flags, logging, errors and exit status."""

import atexit
import errno
import gc
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from logging import WARNING, LogRecord

# A command creates some 900,000 objects before its first step, and keeps them. Garbage collection
# at Python's threshold of 700 objects takes a tenth of that time.
gc.set_threshold(100_000, 100)
atexit.register(gc.freeze)  # collections at exit take half a second

import clu
import jax
from absl import app, flags, logging

import fevgan_jax
from fevgan_jax.runtime import processes
from fevgan_jax.runtime.errors import Preempted, UserError

BAD_INPUT = 2
"""Exit status for input that the command cannot use; running it again does not help."""

LOST_PEER = 1
"""Exit status of a process whose run has lost another process."""

PREEMPTED = 143
"""Exit status of a run stopped by SIGTERM; schedulers that see it start the run again."""

_XLA_FLAGS = (
    "--xla_backend_extra_options=-disable-lsr,-unroll-threshold=100,-unroll-partial-threshold=100"
)
"""Turns loop strength reduction off and lowers the unrolling thresholds of LLVM: they take a tenth
to a quarter of the compilation time on a CPU and make a step no faster (choice: measured)."""


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit status 2.

    A run that was preempted ends with status 143, and one of several processes that fails does not
    wait for the others.

    Args:
      main: the command; it reads its flags itself.
    """
    logging.set_verbosity(logging.INFO)
    logging.set_stderrthreshold("info")
    logging.get_absl_handler().addFilter(_is_for_the_user)
    if _only_cpu():
        os.environ["XLA_FLAGS"] = f"{_XLA_FLAGS} {os.environ.get('XLA_FLAGS', '')}"

    def guarded(_: Sequence[str]) -> None:
        main()  # its return value is not an exit status

    try:
        _with_sentences(lambda: app.run(guarded, flags_parser=_parse))
    except BaseException as error:
        status = error.code if isinstance(error, SystemExit) else None
        ended_together = isinstance(error, SystemExit) and status in (None, 0, PREEMPTED)
        if processes.is_one_of_several() and not ended_together:
            processes.abandon(status)
        raise


def _with_sentences(command: Callable[[], None]) -> None:
    try:
        command()
    except (UserError, FloatingPointError) as error:
        _fail(str(error), BAD_INPUT)
    except Preempted:
        sys.exit(PREEMPTED)
    except jax.errors.JaxRuntimeError as error:
        if not processes.is_from_a_lost_peer(error):
            raise
        _fail(
            "another process of this run has stopped: start all of them again, and the run goes "
            "on from its last checkpoint.",
            LOST_PEER,
        )
    except OSError as error:
        # The user can mend a full or read-only disk; any other error is a fault of the code.
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise
        _fail(
            f"cannot write: {error.strerror} ({error.filename}); free space or choose a folder "
            "you may write to, then run the same command again.",
            BAD_INPUT,
        )


def _only_cpu() -> bool:
    """Whether JAX can find no accelerator, whose compiler would read the same flags.

    XLA reads the flags when it opens its first device, so the devices cannot be listed here.
    """
    others = any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))
    return jax.config.jax_platforms == "cpu" or not others


def _is_for_the_user(record: LogRecord) -> bool:
    """Whether to show a record: our own, clu's progress, and warnings of every other library."""
    folder = os.path.dirname(record.pathname)
    ours = tuple(os.path.dirname(module.__file__) for module in (fevgan_jax, clu))
    return record.levelno >= WARNING or folder.startswith(ours)


def _parse(argv: Sequence[str]) -> Sequence[str]:
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        raise UserError(f"{error}; --help lists the flags.") from error
    if len(rest) > 1:
        raise UserError(f"unexpected argument {rest[1]!r}: give every value as --flag=value.")
    return rest


def _fail(sentence: str, status: int) -> None:
    sys.stdout.flush()
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(status)
