"""Sizes and times as people write them. Pure."""

from __future__ import annotations

import re

_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TOO_LARGE = 2**63


def bytes_of(text: str) -> int:
    """Bytes from `8MiB`, `8M`, `8MB` (all 8 times 2**20) or a plain number.

    Raises:
        ValueError: it is no size above 0.

    Example:
        >>> bytes_of("1.5 GiB")
        1610612736
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is no size; write for example 8MiB")
    size = float(match[1]) * _BYTES[match[2]]
    if size >= _TOO_LARGE:
        raise ValueError(f"{text!r} is more than any disk has")
    return int(size)


def seconds_of(text: str) -> float:
    """Seconds from `90`, `90s`, `15m`, `36h`, `30d` or `2w`.

    Raises:
        ValueError: it is no time above 0.

    Example:
        >>> seconds_of("36h")
        129600.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is no time; write for example 36h or 30d")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds >= _TOO_LARGE:
        raise ValueError(f"{text!r} is longer than any run")
    return seconds
