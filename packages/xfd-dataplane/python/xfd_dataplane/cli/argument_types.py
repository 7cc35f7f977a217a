"""Types of options: each turns a word of the command line into a value, or says what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from xfd_api.checksums import parse_checksum
from xfd_api.configuration.table import BY_KEY
from xfd_api.errors import InvalidRequestError
from xfd_api.quantities import bytes_of, seconds_of


def size(text: str) -> int:
    """Bytes; see `bytes_of`."""
    try:
        return bytes_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def age(text: str) -> float:
    """A time in seconds; see `seconds_of`."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def setting(key: str) -> Callable[[str], Any]:
    """The type of an option that has the values of a setting, written as in its variable.

    Example:
        >>> setting("peer_ports")("7000-7099")
        (7000, 7099)
    """

    def value_of(text: str) -> Any:
        try:
            return BY_KEY[key].kind.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} will not do. {error}") from None

    return value_of
