"""Exceptions that end a command without a fault in the code."""


class UserError(Exception):
    """Something the user gave cannot be used.

    Its message is one clear sentence that names the file or value and how to mend it; commands
    print it alone, without a traceback, and exit with status 2.
    """


class Preempted(Exception):  # noqa: N818 (not an error)
    """The run was asked to stop and has saved its state; commands exit with status 143."""
