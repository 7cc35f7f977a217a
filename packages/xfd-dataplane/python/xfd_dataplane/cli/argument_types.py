"""Types of options: each turns a word of the command line into a value, or says what is wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from xfd_api.checksums import parse_checksum
from xfd_api.errors import InvalidRequestError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def size(text: str) -> int:
    """Bytes from `8MiB`, `8M`, `8MB` (all 8 times 2**20) or a plain number."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write for example 8MiB")
    return int(float(match[1]) * _UNITS[match[2]])


def count(text: str) -> int:
    """A whole number of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def ratio(text: str) -> float:
    """A number of at least one."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return value


def seconds(text: str) -> float:
    """A time longer than zero, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return value


def header(text: str) -> str:
    """A header as `NAME: VALUE`, or `@FILE`, a file with one in each line."""
    if not text.startswith("@") and not text.partition(":")[1]:
        raise argparse.ArgumentTypeError(
            "a header is written 'NAME: VALUE', or @FILE for a file of such lines"
        )
    return text


def checksum(text: str) -> str:
    """A checksum as `ALGORITHM:HEX`."""
    try:
        named = parse_checksum(text)
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(f"{error.what}. {error.remedy}") from None
    return f"{named.algorithm}:{named.value}"


def checksum_by(algorithm: str) -> Callable[[str], str]:
    """The type of an option that takes the checksum of one algorithm."""
    return lambda text: checksum(f"{algorithm}:{text}")
