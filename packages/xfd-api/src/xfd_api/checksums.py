"""Checksums as users write them: `ALGORITHM:HEX`. Pure."""

from __future__ import annotations

import re
from typing import Final

from xfd_api.chunks import Checksum, ChecksumAlgorithm
from xfd_api.errors import InvalidRequestError
from xfd_api.requests import ObjectDownloadRequest

DIGITS: Final[dict[ChecksumAlgorithm, int]] = {
    "sha256": 64,
    "md5": 32,
    "crc64nvme": 16,
    "crc32c": 8,
    "crc32": 8,
    "git-sha1": 40,
}
"""The hexadecimal digits of each algorithm that the data plane verifies."""

ALGORITHMS: Final = ", ".join(DIGITS)


def parse_checksum(text: str, *, object: str | None = None) -> Checksum:
    """The checksum that `ALGORITHM:HEX` names, in either case.

    Args:
        text: what the user wrote.
        object: what the checksum is for, for errors.

    Raises:
        InvalidRequestError: it has no known algorithm, or another number of digits.

    Example:
        >>> parse_checksum("crc32c:E3069283")
        Checksum(algorithm='crc32c', value='e3069283')
    """
    name, colon, value = text.strip().lower().partition(":")
    algorithm = next((each for each in DIGITS if each == name), None)
    if not colon or algorithm is None:
        raise InvalidRequestError(
            f"{text!r} is no checksum",
            object=object,
            remedy=f"Write ALGORITHM:HEX, such as sha256:e3b0c4…; known are {ALGORITHMS}",
        )
    if not re.fullmatch(rf"[0-9a-f]{{{DIGITS[algorithm]}}}", value):
        raise InvalidRequestError(
            f"{algorithm} is not {DIGITS[algorithm]} hexadecimal digits",
            object=object,
            remedy=_remedy(algorithm),
        )
    return Checksum(algorithm, value)


def pin_of(request: ObjectDownloadRequest) -> Checksum | None:
    """The checksum of the whole object that a request names.

    Raises:
        InvalidRequestError: it names two, or none that `parse_checksum` takes.
    """
    given = {
        name: text
        for name, text in (
            ("checksum", request.checksum),
            ("sha256", None if request.sha256 is None else f"sha256:{request.sha256}"),
            ("md5", None if request.md5 is None else f"md5:{request.md5}"),
        )
        if text is not None
    }
    if not given:
        return None
    if len(given) > 1:
        raise InvalidRequestError(
            f"{' and '.join(given)} are given",
            object=request.uri,
            remedy="Give one checksum, best a sha256",
        )
    (text,) = given.values()
    return parse_checksum(text, object=request.uri)


def _remedy(algorithm: ChecksumAlgorithm) -> str:
    if algorithm in ("sha256", "md5"):
        return f"Give what {algorithm}sum prints"
    if algorithm == "git-sha1":
        return "Give what git hash-object prints"
    return "Write it in hexadecimal; S3 prints its checksums in base64"
