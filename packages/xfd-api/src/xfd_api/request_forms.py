"""Normalizes the forms in which a caller may give requests. Pure.

A list may hold `DownloadRequest`s, the bare requests that these take, and uris. A single one of
these stands for a list of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xfd_api.errors import InvalidRequestError
from xfd_api.hub_repos import parse_hub_uri
from xfd_api.requests import (
    DownloadRequest,
    HubDownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
)
from xfd_api.stores import StoreKind
from xfd_api.uris import parse_uri

BareRequest = ObjectDownloadRequest | PrefixDownloadRequest | HubDownloadRequest
RequestLike = DownloadRequest | BareRequest | str
Requests = RequestLike | Iterable[RequestLike]

FORMS = (
    "a DownloadRequest, an ObjectDownloadRequest, a PrefixDownloadRequest, a HubDownloadRequest "
    "or a uri"
)


def as_requests(requests: Requests, *, what: str = "download_requests") -> list[DownloadRequest]:
    """The requests as a list of `DownloadRequest`s.

    A string is a uri, and its key is also its destination below the node's root:
    "llama/config.json" and "s3://bucket/llama/config.json" both land at
    `local_path("llama/config.json")`. A uri that ends in a slash is a prefix. A repository, folder
    or file of a hub lands in the node's hub cache: "hf://org/bert" is a whole repository.

    Args:
        requests: one or several.
        what: the name of the argument, for errors.

    Raises:
        InvalidRequestError: a request has another type, or a uri has no key.
        UnsafePathError: a uri has a `..` segment.

    Example:
        >>> [str(request.value.destination) for request in as_requests("s3://bucket/llama/a.bin")]
        ['llama/a.bin']
    """
    if isinstance(requests, str | DownloadRequest | BareRequest):
        requests = [requests]
    if isinstance(requests, bytes | Mapping) or not isinstance(requests, Iterable):
        raise InvalidRequestError(
            f"{what} is a {type(requests).__name__}", remedy=f"Give a list; each entry is {FORMS}"
        )
    return [_as_request(each, what) for each in requests]


def for_one_host(requests: Requests) -> list[DownloadRequest]:
    """The requests of a call that brings files to its own host alone.

    Raises:
        InvalidRequestError: a request selects nodes; and as `as_requests` does.
    """
    given = as_requests(requests)
    for request in given:
        if request.nodes is not None:
            raise InvalidRequestError(
                "The request has nodes=, and this call knows no cluster to select from",
                object=getattr(request.value, "uri", None),
                remedy="Drop nodes=, or use xfd_ray.download_distributed",
            )
    return given


def _as_request(given: RequestLike, what: str) -> DownloadRequest:
    if isinstance(given, DownloadRequest):
        return given
    if isinstance(given, BareRequest):
        return DownloadRequest(given)
    if isinstance(given, str):
        return DownloadRequest(_from_uri(given))
    raise InvalidRequestError(
        f"{what} holds a {type(given).__name__}", remedy=f"Give {FORMS} for each"
    )


def _from_uri(uri: str) -> BareRequest:
    parsed = parse_uri(uri)
    if parsed is not None and parsed.kind is StoreKind.HUB:
        return _from_hub_uri(uri)
    key = uri if parsed is None else parsed.key
    destination = key.strip("/")
    if not destination:
        raise InvalidRequestError(
            "The uri has no key that could name its destination",
            object=uri,
            remedy="Give a PrefixDownloadRequest with a destination",
        )
    kind = PrefixDownloadRequest if key.endswith("/") else ObjectDownloadRequest
    return kind(uri, Path(destination))


def _from_hub_uri(uri: str) -> BareRequest:
    repo, path = parse_hub_uri(uri)
    if not path:
        return HubDownloadRequest(repo.repo_id, repo.revision, repo.repo_type)
    kind = PrefixDownloadRequest if path.endswith("/") else ObjectDownloadRequest
    return kind(uri, None)
