"""How every command starts and how it ends on bad input."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from logging import WARNING, LogRecord

import clu
from absl import app, flags, logging

import fevgan_jax
from fevgan_jax.errors import UserError

BAD_INPUT = 2
"""Exit status of a command that was given something it cannot use."""


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit status 2.

    Args:
      main: the command; it reads its flags itself.
    """
    logging.set_verbosity(logging.INFO)
    logging.set_stderrthreshold("info")
    logging.get_absl_handler().addFilter(_is_for_the_user)

    def guarded(_: Sequence[str]) -> None:
        main()  # what it returns is no exit status

    try:
        app.run(guarded, flags_parser=_parse)
    except UserError as error:
        _fail(str(error))
    except OSError as error:
        # A full or read-only disk is the user's to mend; anything else is ours to see.
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise
        _fail(
            f"cannot write: {error.strerror} ({error.filename}); free space or choose a folder "
            "you may write to, then run the same command again."
        )


def _is_for_the_user(record: LogRecord) -> bool:
    """Our own messages and clu's progress; of all other libraries only their warnings."""
    spoken_by = os.path.dirname(record.pathname)
    ours = tuple(os.path.dirname(module.__file__) for module in (fevgan_jax, clu))
    return record.levelno >= WARNING or spoken_by.startswith(ours)


def _parse(argv: Sequence[str]) -> Sequence[str]:
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        raise UserError(f"{error}; --help lists the flags.") from error
    if len(rest) > 1:
        raise UserError(f"unexpected argument {rest[1]!r}: give every value as --flag=value.")
    return rest


def _fail(sentence: str) -> None:
    sys.stdout.flush()
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(BAD_INPUT)
