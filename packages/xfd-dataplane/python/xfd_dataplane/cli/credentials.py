"""Reads the credentials that options name. They appear in no error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xfd_api.errors import InvalidRequestError


def read_headers(given: Sequence[str]) -> dict[str, str]:
    """The headers of `--header`: each is `NAME: VALUE`, or `@FILE` with one in each line.

    Raises:
        InvalidRequestError: a file cannot be read, a line of it is no header, or a name comes
            twice.
    """
    headers: dict[str, str] = {}
    for each in given:
        lines = _read(each[1:]).splitlines() if each.startswith("@") else [each]
        for line in lines:
            if not line.strip():
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise InvalidRequestError(
                    "A line of the file of headers has no colon",
                    path=each[1:],
                    remedy="Write NAME: VALUE in each line",
                )
            if name.strip().lower() in map(str.lower, headers):
                raise InvalidRequestError(
                    f"The header {name.strip()} is given twice", remedy="Give each header once"
                )
            headers[name.strip()] = value.strip()
    return headers


def read_token(path: str | None) -> str | None:
    """The token of `--token-file`; None if none is named.

    Raises:
        InvalidRequestError: the file cannot be read.
    """
    return None if path is None else _read(path).strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(f"The file cannot be read: {reason}", path=path) from None
