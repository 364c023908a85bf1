"""Sentences about names that are not known."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ends a sentence on an unknown name: the nearest known one, or all of them.

    Args:
      name: what was given.
      known: what could have been given.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"it is one of {', '.join(known)}." if known else "there is none."
