"""Turns requests into lookups at their origins, and refuses requests that cannot work. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar
from urllib.parse import unquote

from xfd_api.chunks import Unpack
from xfd_api.errors import InvalidRequestError, UnsafePathError
from xfd_api.key_filter import checked_patterns
from xfd_api.paths import checked_destination, checked_segments, is_utf8
from xfd_api.requests import (
    DownloadRequest,
    Links,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
    detect_unpack_method,
)
from xfd_api.stores import ObjectStoreConfigByProfile, StoreKind

VERSION = "?versionId="
_ARN = re.compile(
    r"(?P<arn>arn:[^/:]+:s3[^/:]*:[^/:]*:[^/:]*:"
    r"(?:outpost[/:][^/:]+[/:])?accesspoint[/:][^/:]+)(?:/(?P<key>.*))?\Z",
    re.DOTALL,
)
_Option = TypeVar("_Option", bound=Enum)


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup at an origin: the HEAD of an object, or the list of a prefix.

    Attributes:
        profile_name: the profile with the store.
        bucket: the bucket that the uri names, with the object's version appended (see
            `split_bucket`); None for the store's own.
        key: the object's key, or the prefix without its last slash; empty for everything.
        is_prefix: whether `key` is a prefix of whole segments.
        destination: the file, or the folder of the prefix.
        cache: see `ObjectDownloadRequest`.
        unpack: how to unpack the object, with the format already detected.
        priority: a smaller one is needed sooner.
        include: see `PrefixDownloadRequest`.
        exclude: see `PrefixDownloadRequest`.
    """

    profile_name: str | None
    bucket: str | None
    key: str
    is_prefix: bool
    destination: str
    cache: bool = True
    unpack: Unpack | None = None
    priority: int = 0
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def plan_lookups(
    requests: Sequence[DownloadRequest],
    stores: ObjectStoreConfigByProfile,
    *,
    priorities: Sequence[int] | None = None,
) -> tuple[Lookup, ...]:
    """One lookup per request, in the same order.

    Args:
        requests: the user's requests.
        stores: every profile that the requests name.
        priorities: one per request, smaller is sooner; None gives all the same.

    Raises:
        UnknownProfileError: a request names a profile that `stores` lacks.
        UnsafePathError: a uri or a destination climbs out.
        UnknownArchiveError: an archive's extension names no known format.
        InvalidRequestError: a request makes no sense in another way.
    """
    if priorities is None:
        priorities = [0] * len(requests)
    elif len(priorities) != len(requests):
        raise InvalidRequestError(
            f"There are {len(priorities)} priorities for {len(requests)} requests",
            remedy="Give one for each request",
        )
    return tuple(
        _lookup(request, stores, priority)
        for request, priority in zip(requests, priorities, strict=True)
    )


def _lookup(request: DownloadRequest, stores: ObjectStoreConfigByProfile, priority: int) -> Lookup:
    value = request.value
    if not isinstance(value, ObjectDownloadRequest | PrefixDownloadRequest):
        raise InvalidRequestError(
            f"DownloadRequest(value=...) holds a {type(value).__name__}",
            remedy="Give an ObjectDownloadRequest or a PrefixDownloadRequest",
        )
    store = stores.of(value.profile_name)
    bucket, key = split_uri(value.uri, store.kind)
    if bucket == store.bucket:  # The same object, with its bucket written out.
        bucket = None
    is_prefix = isinstance(value, PrefixDownloadRequest)
    if is_prefix:
        key = _prefix_of(key, store.kind, value.uri)
    elif not key or key.endswith("/"):
        raise InvalidRequestError(
            "The uri names no object", object=value.uri, remedy="Use PrefixDownloadRequest"
        )
    if is_prefix and bucket is not None and VERSION in bucket:
        raise InvalidRequestError(
            "Only an object has a version, not a prefix",
            object=value.uri,
            remedy="Drop ?versionId=, or request one object",
        )
    if is_prefix and store.kind is StoreKind.HTTP:
        raise InvalidRequestError(
            "A web server's prefixes cannot be listed",
            object=value.uri,
            remedy="Request each object by its own uri",
        )
    if store.kind is not StoreKind.S3:
        checked_segments(key, what="uri")
    unpack = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    if isinstance(value, PrefixDownloadRequest):
        include = checked_patterns(value.include, "include")
        exclude = checked_patterns(value.exclude, "exclude")
    elif value.unpack_options is not None:
        unpack = _unpack(value.unpack_options, key)
    return Lookup(
        profile_name=value.profile_name,
        bucket=bucket,
        key=key,
        is_prefix=is_prefix,
        destination=checked_destination(value.destination),
        cache=value.cache,
        unpack=unpack,
        priority=priority,
        include=include,
        exclude=exclude,
    )


def _prefix_of(key: str, kind: StoreKind, uri: str) -> str:
    """The prefix without the slash at its end.

    In a bucket `a//` is another prefix than `a/`; in a folder both are the same.
    """
    if kind is not StoreKind.S3:
        return key.rstrip("/")
    if key.startswith("/") and not key.strip("/"):
        raise InvalidRequestError(
            "A prefix of slashes alone cannot be requested",
            object=uri,
            remedy="Request the whole bucket, and choose keys with include",
        )
    return key.removesuffix("/")


def split_uri(uri: str, kind: StoreKind) -> tuple[str | None, str]:
    """The bucket that the uri names, or None, and the key.

    Raises:
        InvalidRequestError: the uri is not UTF-8, or its scheme does not fit this kind of store.
        UnsafePathError: the key has a `..` segment.
    """
    if not is_utf8(uri):
        raise InvalidRequestError(
            "The uri is not UTF-8", object=ascii(uri), remedy="Give the key in UTF-8"
        )
    bucket: str | None = None
    key = uri
    scheme, mark, rest = uri.partition("://")
    if mark:
        if scheme != "s3" or kind is not StoreKind.S3:
            raise InvalidRequestError(
                f"A {scheme}:// uri does not belong to a {kind.value} store",
                object=uri,
                remedy="Give a key relative to the profile's store, or s3://bucket/key for S3",
            )
        bucket, key = split_bucket(rest)
        if not bucket:
            raise InvalidRequestError(
                "The uri names no bucket", object=uri, remedy="Write s3://bucket/key"
            )
    if "\0" in key or ".." in key.split("/"):
        raise UnsafePathError("The uri climbs out of its store", object=uri)
    return bucket, key


def split_bucket(rest: str) -> tuple[str, str]:
    """Bucket and key of the text after `s3://`.

    The bucket may be the ARN of an access point, which contains slashes
    (`arn:aws:s3:region:account:accesspoint/name`). The version of `key?versionId=...` is appended
    to the bucket, because a bucket's name contains no question mark and a key may.
    """
    arn = _ARN.match(rest)
    if arn is not None:
        bucket, key = arn["arn"], arn["key"] or ""
    else:
        bucket, _, key = rest.partition("/")
    key, mark, version = key.rpartition(VERSION)
    if not mark:
        return bucket, version
    return f"{bucket}{VERSION}{unquote(version)}", key


def _unpack(options: UnpackOptions, key: str) -> Unpack:
    method = _one_of(UnpackMethod, options.unpack_method, "unpack_method", key)
    links = _one_of(Links, options.links, "links", key)
    if method is UnpackMethod.Auto:
        method = detect_unpack_method(key)
    return Unpack(
        destination=checked_destination(options.destination),
        method=method,
        keep_archive=options.keep_archive,
        links=links,
    )


def _one_of(kind: type[_Option], value: object, name: str, key: str) -> _Option:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(each.value) for each in kind)
        raise InvalidRequestError(
            f"UnpackOptions.{name} is {value!r}", object=key, remedy=f"Give one of {known}"
        ) from None
