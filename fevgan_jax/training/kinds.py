"""Whether a config's values are of the kind that an example or a function's signature asks for."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from fevgan_jax.runtime.errors import UserError
from fevgan_jax.runtime.names import did_you_mean


def check_kind(place: str, value: Any, example: Any) -> None:
    """Raises UserError unless a value may stand where the example does.

    Args:
      place: the value's name in the sentence.
      value: what the config gives.
      example: a value of the right kind: a whole number, a list's items ... An example of no known
        kind, such as None or an empty list's items, allows anything.
    """
    if not _fits(value, example):
        raise UserError(f"{place} is {_shown(value)}: give {_words(example)}.")


def check_names(place: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raises UserError if a name is not known, with the nearest one that is."""
    for name in given:
        if name not in known:
            raise UserError(f"{place} has no {name!r}: {did_you_mean(name, known)}")


def check_choice(place: str, value: Any, known: Collection[str]) -> None:
    """Raises UserError unless a value is one of some words, with the nearest one."""
    check_kind(place, value, "")
    if value not in known:
        raise UserError(f"{place} is {value!r}: {did_you_mean(value, known)}")


def check_arguments(
    place: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    given_besides: Collection[str] = (),
) -> None:
    """Raises UserError unless a function can be called with the arguments that a section gives.

    Args:
      place: the section's name in the sentence.
      function: read by its signature; one with `**settings` takes any name.
      arguments: the section's fields.
      given_besides: arguments that the caller adds.
    """
    parameters = inspect.signature(function).parameters
    taken = {
        name: parameter
        for name, parameter in parameters.items()
        if name not in given_besides and parameter.kind is not parameter.VAR_KEYWORD
    }
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        check_names(place, arguments, taken)
    for name, parameter in taken.items():
        if name in arguments:
            # A signature's 0 may stand for 0.0.
            example = parameter.default
            is_whole = isinstance(example, int) and not isinstance(example, bool)
            check_kind(f"{place}.{name}", arguments[name], float(example) if is_whole else example)
        elif parameter.default is parameter.empty:
            raise UserError(f"{place} has no {name!r}: give it a value.")


def _fits(value: Any, example: Any) -> bool:
    match example:
        case bool():
            return isinstance(value, bool)
        case int():
            return isinstance(value, int) and not isinstance(value, bool)
        case float():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case str():
            return isinstance(value, str)
        case Mapping():
            return isinstance(value, Mapping)
        case tuple() | list():
            return isinstance(value, tuple | list) and all(
                not example or any(_fits(item, e) for e in example) for item in value
            )
    return True


def _words(example: Any) -> str:
    match example:
        case bool():
            return "True or False"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a text"
        case tuple() | list():
            return f"a list, each item {_words(example[0])}" if example else "a list"
    return "a section"


def _shown(value: Any) -> str:
    return "a section" if isinstance(value, Mapping) else repr(value)
