"""Normalizes the forms in which a caller may give requests. Pure.

A list may hold `DownloadRequest`s, bare `ObjectDownloadRequest`s and `PrefixDownloadRequest`s, and
uris. A single one of these stands for a list of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xfd_api.errors import InvalidRequestError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest

RequestLike = DownloadRequest | ObjectDownloadRequest | PrefixDownloadRequest | str
Requests = RequestLike | Iterable[RequestLike]

FORMS = "a DownloadRequest, an ObjectDownloadRequest, a PrefixDownloadRequest or a uri"


def as_requests(requests: Requests, *, what: str = "download_requests") -> list[DownloadRequest]:
    """The requests as a list of `DownloadRequest`s.

    A string is a uri, and its key is also its destination below the node's root:
    "llama/config.json" and "s3://bucket/llama/config.json" both land at
    `local_path("llama/config.json")`. A uri that ends in a slash is a prefix.

    Args:
        requests: one or several.
        what: the name of the argument, for errors.

    Raises:
        InvalidRequestError: a request has another type, or a uri has no key.

    Example:
        >>> [str(request.value.destination) for request in as_requests("s3://bucket/llama/a.bin")]
        ['llama/a.bin']
    """
    if isinstance(requests, str | DownloadRequest | ObjectDownloadRequest | PrefixDownloadRequest):
        requests = [requests]
    if isinstance(requests, bytes | Mapping) or not isinstance(requests, Iterable):
        raise InvalidRequestError(
            f"{what} is a {type(requests).__name__}", remedy=f"Give a list; each entry is {FORMS}"
        )
    return [_as_request(each, what) for each in requests]


def _as_request(given: RequestLike, what: str) -> DownloadRequest:
    if isinstance(given, DownloadRequest):
        return given
    if isinstance(given, ObjectDownloadRequest | PrefixDownloadRequest):
        return DownloadRequest(given)
    if isinstance(given, str):
        return DownloadRequest(_from_uri(given))
    raise InvalidRequestError(
        f"{what} holds a {type(given).__name__}", remedy=f"Give {FORMS} for each"
    )


def _from_uri(uri: str) -> ObjectDownloadRequest | PrefixDownloadRequest:
    _, scheme, rest = uri.partition("://")
    key = rest.partition("/")[2] if scheme else uri
    destination = key.strip("/")
    if not destination:
        raise InvalidRequestError(
            "The uri has no key that could name its destination",
            object=uri,
            remedy="Give a PrefixDownloadRequest with a destination",
        )
    kind = PrefixDownloadRequest if key.endswith("/") else ObjectDownloadRequest
    return kind(uri, Path(destination))
