"""Which objects of a prefix are wanted: `include` and `exclude`, as patterns of `fnmatch`. Pure.

A pattern is compared with the whole key below the prefix: `*` crosses slashes, and `name/` stands
for all that lies below it, as in `huggingface_hub`. With `include`, what matches none of its
patterns is left out; then what matches one of `exclude`.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from fnmatch import translate

from xfd_api.errors import InvalidRequestError


class Selector:
    """Takes a key or leaves it out."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)

    def takes(self, below: str) -> bool:
        """Whether the key with this path below its prefix is wanted."""
        if self._include is not None and not self._include.match(below):
            return False
        return self._exclude is None or not self._exclude.match(below)


def checked_patterns(given: object, name: str) -> tuple[str, ...]:
    """The patterns of `include` or `exclude`; one string is one pattern.

    Raises:
        InvalidRequestError: they are no strings, or one of them is empty.
    """
    patterns = (given,) if isinstance(given, str) else given
    if not isinstance(patterns, tuple | list) or not all(
        isinstance(pattern, str) and pattern for pattern in patterns
    ):
        raise InvalidRequestError(
            f"{name} is {given!r}", remedy="Give a tuple of patterns, as ('*.safetensors',)"
        )
    return tuple(patterns)


def pattern_for(below: str) -> str:
    """The pattern that matches this key alone, also where it ends in a slash."""
    literal = glob.escape(below)
    return f"{literal[:-1]}[/]" if literal.endswith("/") else literal


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    whole = (f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns)
    return re.compile("|".join(map(translate, whole)))
