"""Wildcards in keys, as in a shell with globstar. Pure.

`*` and `?` stand for characters of one path segment, `**` for any number of segments, and `[abc]`
for one of the characters.
"""

from __future__ import annotations

import re

_WILD = re.compile(r"[*?[]")


def has_wildcard(key: str) -> bool:
    """Whether the key is a pattern."""
    return _WILD.search(key) is not None


def literal_folder(pattern: str) -> str:
    """The longest prefix of whole segments without a wildcard; no slash at its end."""
    wild = _WILD.search(pattern)
    literal = pattern if wild is None else pattern[: wild.start()]
    return literal.rpartition("/")[0]


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression that matches whole keys."""
    expression = []
    place = 0
    while place < len(pattern):
        if pattern.startswith("**/", place):
            expression.append("(?:[^/]+/)*")
            place += 3
        elif pattern.startswith("**", place):
            expression.append(".*")
            place += 2
        else:
            piece, place = _one(pattern, place)
            expression.append(piece)
    return re.compile("".join(expression) + r"\Z", re.DOTALL)


def _one(pattern: str, place: int) -> tuple[str, int]:
    """The expression for one character or class, and the place after it."""
    character = pattern[place]
    if character == "*":
        return "[^/]*", place + 1
    if character == "?":
        return "[^/]", place + 1
    if character == "[":
        end = pattern.find("]", place + 2)
        if end != -1:
            return _class(pattern[place + 1 : end]), end + 1
    return re.escape(character), place + 1


def _class(inside: str) -> str:
    """The expression for one of the characters, or with ! or ^ for none of them; never a slash."""
    negated = inside[0] in "!^"
    characters = inside[negated:]
    pieces = []
    place = 0
    while place < len(characters):
        first, mark, last = characters[place], characters[place + 1 : place + 2], place + 2
        if mark == "-" and last < len(characters):
            if first <= characters[last]:
                pieces.append(f"{re.escape(first)}-{re.escape(characters[last])}")
            place += 3
        else:
            pieces.append(re.escape(first))
            place += 1
    listed = "".join(pieces)
    if negated:
        return f"(?!/)[^{listed}]" if listed else "[^/]"
    return f"(?!/)[{listed}]" if listed else "(?!)"
