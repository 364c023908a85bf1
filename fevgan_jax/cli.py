"""How every command starts and how it ends on bad input."""

import errno
import sys
from collections.abc import Callable, Sequence

from absl import app, logging

from fevgan_jax.errors import UserError

BAD_INPUT = 2
"""Exit status of a command that was given something it cannot use."""


def run(main: Callable[[], None]) -> None:
    """Parses the flags, runs `main`, and turns bad input into one sentence and exit status 2.

    Args:
      main: the command; it reads its flags itself.
    """

    def guarded(argv: Sequence[str]) -> None:
        try:
            if len(argv) > 1:
                raise UserError(
                    f"unexpected argument {argv[1]!r}: give every value as --flag=value."
                )
            main()
        except UserError as error:
            _fail(str(error))
        except OSError as error:
            # A full or read-only disk is the user's to mend; anything else is ours to see.
            if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
                raise
            _fail(f"cannot write: {error.strerror} ({error.filename}); free space or choose a "
                  "folder you may write to, then run the same command again.")

    logging.set_verbosity(logging.INFO)
    logging.set_stderrthreshold("info")
    app.run(guarded)


def _fail(sentence: str) -> None:
    sys.stdout.flush()
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(BAD_INPUT)
