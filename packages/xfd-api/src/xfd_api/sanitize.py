"""Sanitizes text that a stranger may have written, before it reaches a terminal, a log or a person.

Keys, names in archives and a store's messages come from other people. A control character in them
can move the cursor, recolour what follows or retitle the window. An override of the writing
direction makes one name look like another.
"""

from __future__ import annotations

import re

_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff"  # bytes that are not UTF-8, as Python has them in names of files
    "\U000e0000-\U000e007f]"
)
_LOGIN = re.compile(
    # In these schemes a name before the @ is a container or a repository, unless it has a password.
    r"(?<![a-z0-9])((?!(?:abfss?|wasbs?|hf)://[^\s/?#:@]*@[^\s/?#@]*(?:[\s/?#]|\Z))"
    r"[a-z][a-z0-9+.-]*://)[^\s/?#]*@",
    re.IGNORECASE,
)


def sanitized(text: str) -> str:
    r"""The text on one line, with each unfit character written as in Python: `\x1b`, `\u202e`."""
    return _UNFIT.sub(_escaped, text)


def sanitized_json(document: str) -> str:
    r"""A JSON document with each unfit character written as JSON has it: `\u009b`."""
    return _UNFIT.sub(_escaped_json, document)


def without_credentials(text: str) -> str:
    """The text with `***` in place of the name and password of each URL in it."""
    return _LOGIN.sub(r"\1***@", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return {9: r"\t", 10: r"\n", 13: r"\r"}.get(code, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped_json(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
