"""Filters the keys of a prefix by `include` and `exclude`, which are patterns of `fnmatch`. Pure.

A pattern is compared with the whole key below the prefix: `*` crosses slashes, and `name/` stands
for everything below that folder, as in `huggingface_hub`. If `include` is given, a key that matches
none of its patterns is left out; then a key that matches a pattern of `exclude` is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from xfd_api.errors import InvalidRequestError


class KeyFilter:
    """Decides which keys are downloaded."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)

    def accepts(self, below: str) -> bool:
        """Whether to download the key with this path below its prefix."""
        if self._include is not None and not self._include.match(below):
            return False
        return self._exclude is None or not self._exclude.match(below)


def checked_patterns(given: object, name: str) -> tuple[str, ...]:
    """The patterns of `include` or `exclude`; one string is one pattern.

    Raises:
        InvalidRequestError: a pattern is empty or no string.
    """
    patterns = (given,) if isinstance(given, str) else given
    if not isinstance(patterns, tuple | list) or not all(
        isinstance(pattern, str) and pattern for pattern in patterns
    ):
        raise InvalidRequestError(
            f"{name} is {given!r}",
            remedy="Give a tuple of patterns, such as ('*.safetensors',)",
        )
    return tuple(patterns)


def pattern_for(below: str) -> str:
    """The pattern that matches this key alone, also if it ends in a slash."""
    literal = "".join(f"[{each}]" if each in "*?[" else each for each in below)
    return f"{literal[:-1]}[/]" if literal.endswith("/") else literal


def _compiled(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    whole = (f"{pattern}*" if pattern.endswith("/") else pattern for pattern in patterns)
    return re.compile("|".join(map(translate, whole)))
