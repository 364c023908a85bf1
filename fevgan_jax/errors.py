"""The one exception that is meant for the person at the terminal."""


class UserError(Exception):
    """Something the user gave cannot be used.

    Its message is one clear sentence that names the file or value and the mend; commands print
    it alone, without a traceback, and exit with status 2.
    """
