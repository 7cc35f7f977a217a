"""How progress is displayed, and which way is chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast, get_args

from xfd_api.errors import InvalidRequestError

ProgressMode = Literal["auto", "bar", "lines", "json", "none"]
"""A display of progress on standard error.

bar: bars on a terminal, or one output that changes in a notebook. lines: a line at each phase, and
one every ten seconds. json: one JSON object a line, at most one a second. none: nothing. auto: bars
on a terminal or in a notebook, otherwise lines.
"""

PROGRESS_MODES: Final[tuple[ProgressMode, ...]] = get_args(ProgressMode)

PROGRESS_VARIABLE: Final = "XFD_PROGRESS"
"""The environment variable that chooses the display where the caller does not."""


def progress_mode(
    given: ProgressMode | None, environment: Mapping[str, str], *, otherwise: ProgressMode
) -> ProgressMode:
    """The display that a caller gets.

    Args:
        given: what the caller asks for; None leaves it to the environment.
        environment: `XFD_PROGRESS` counts, unless it is empty.
        otherwise: the display if neither names one.

    Raises:
        InvalidRequestError: there is no such display; it names all that there are.

    Example:
        >>> progress_mode(None, {"XFD_PROGRESS": "lines"}, otherwise="auto")
        'lines'
    """
    if given is not None:
        return checked_progress_mode("progress", given)
    named = environment.get(PROGRESS_VARIABLE, "")
    return checked_progress_mode(PROGRESS_VARIABLE, named) if named else otherwise


def checked_progress_mode(name: str, value: Any) -> ProgressMode:
    """The value, if it is a display.

    Args:
        name: of the argument or variable, for the error.
        value: what it is given.

    Raises:
        InvalidRequestError: it is none; the error names all that there are.

    Example:
        >>> checked_progress_mode("progress", "bar")
        'bar'
    """
    if value not in PROGRESS_MODES:
        raise InvalidRequestError(
            f"{name} is {value!r}",
            remedy=f"Use one of {', '.join(map(repr, PROGRESS_MODES))}",
        )
    return cast("ProgressMode", value)
