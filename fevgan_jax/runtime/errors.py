"""The ways a command ends that are no fault of the code."""


class UserError(Exception):
    """Something the user gave cannot be used.

    Its message is one clear sentence that names the file or value and the mend; commands print
    it alone, without a traceback, and exit with status 2.
    """


class Preempted(Exception):  # noqa: N818 (it is no error)
    """The run was asked to stop, and has saved its state; commands exit with status 143."""
