"""Types of the options of `xfd` that `xfd-get` has no use for."""

from __future__ import annotations

import argparse


def ports(text: str) -> tuple[int, int]:
    """The first and the last port, from `7000-7100` or `7000`.

    Example:
        >>> ports("7000-7100")
        (7000, 7100)
    """
    first, _, last = text.partition("-")
    pair = (first, last or first)
    if not all(each.isdecimal() for each in pair) or not 0 < int(pair[0]) <= int(pair[1]) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of ports; write 7000-7100")
    return int(pair[0]), int(pair[1])


def origin_reads(text: str) -> str | int:
    """A policy by its name, or a number of times.

    Example:
        >>> origin_reads("2")
        2
    """
    if text in ("once-per-cluster", "once-per-zone"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither once-per-cluster, once-per-zone nor a number of at least 1"
        )
    return int(text)
