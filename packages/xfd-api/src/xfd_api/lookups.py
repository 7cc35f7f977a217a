"""Turns requests into lookups at their origins, and refuses requests that cannot work. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeVar

from xfd_api.checksums import pin_of
from xfd_api.chunks import Checksum, Unpack
from xfd_api.errors import InvalidRequestError
from xfd_api.hub_repos import HubRepo, repo_named
from xfd_api.key_filter import checked_patterns
from xfd_api.node_selector import NodeSelector, as_selector
from xfd_api.paths import HUB_CACHE, checked_destination, checked_segments, is_in_hub_cache
from xfd_api.places import HUB_PROFILE, Place, place_of
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.request_forms import Requests, as_requests
from xfd_api.requests import (
    DownloadRequest,
    HubDownloadRequest,
    Links,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackMethod,
    UnpackOptions,
    detect_unpack_method,
)
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_api.uris import VERSION

_FLAT = (StoreKind.S3, StoreKind.GCS, StoreKind.AZURE)
"""Stores without folders: any text is a key, and `a//b` is another one than `a/b`."""

_Option = TypeVar("_Option", bound=Enum)


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup at an origin: the HEAD of an object, or the list of a prefix.

    Attributes:
        profile_name: the profile with the store.
        bucket: the bucket that the uri names, with the object's version appended (see
            `split_bucket`); None for the store's own. For a hub, the repository: see
            `HubRepo.name`.
        key: the object's key, or the prefix without its last slash; empty for everything.
        is_prefix: whether `key` is a prefix of whole segments.
        destination: the file, or the folder of the prefix.
        cache: see `ObjectDownloadRequest`.
        unpack: how to unpack the object, with the format already detected.
        priority: a smaller one is needed sooner.
        include: see `PrefixDownloadRequest`.
        exclude: see `PrefixDownloadRequest`.
        pin: the checksum that the request gives.
        nodes: which of the call's nodes get what is found; None for all.
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
    pin: Checksum | None = None
    nodes: NodeSelector | None = None

    @property
    def named(self) -> str:
        """What an error calls it: the key, or the bucket or repository whose all it is."""
        return self.key or self.bucket or ""


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What to look up, and where.

    Attributes:
        lookups: one per request, in the same order.
        stores: every profile that a lookup names, the implicit ones of full uris included.
    """

    lookups: tuple[Lookup, ...]
    stores: ObjectStoreConfigByProfile = field(repr=False)


def plan_downloads(
    requests: Requests,
    object_store_config: ObjectStoreConfig | ObjectStoreConfigByProfile | None,
    *,
    priorities: Sequence[int] | None = None,
) -> DownloadPlan:
    """The lookups of requests, and the stores that they are made at.

    Args:
        requests: the user's requests, in any form that `as_requests` takes.
        object_store_config: the store, or one per profile. None is enough for full uris.
        priorities: one per request, smaller is sooner; None gives all the same.

    Raises:
        UnknownProfileError: a request names a profile that is not there, or a key without a store.
        UnsafePathError: a uri or a destination climbs out.
        UnknownArchiveError: an archive's extension names no known format.
        InvalidRequestError: a request makes no sense in another way.
    """
    stores = ObjectStoreConfigByProfile({})
    if object_store_config is not None:
        stores = by_profile(object_store_config)
    given = as_requests(requests)
    if priorities is None:
        priorities = [0] * len(given)
    elif len(priorities) != len(given):
        raise InvalidRequestError(
            f"There are {len(priorities)} priorities for {len(given)} requests",
            remedy="Give one for each request",
        )
    places = [_place(request, stores) for request in given]
    implicit = {place.profile_name: place.store for place in places}
    return DownloadPlan(
        tuple(map(_lookup, given, places, priorities)),
        ObjectStoreConfigByProfile({**stores.profiles, **implicit}),
    )


def _place(request: DownloadRequest, stores: ObjectStoreConfigByProfile) -> Place:
    value = request.value
    if isinstance(value, HubDownloadRequest):
        repo = HubRepo(value.repo_type, value.repo_id, *filter(None, [value.revision]))
        name = value.profile_name
        own = stores.profiles.get(name)
        if name is None and (own is None or own.kind is not StoreKind.HUB):
            return Place(HUB_PROFILE, ObjectStoreConfig.make_for_hub(), repo.name, "")
        store = stores.of(name)
        if store.kind is not StoreKind.HUB:
            raise InvalidRequestError(
                f"The profile {name!r} is no hub",
                object=value.repo_id,
                remedy="Make it with make_for_hub, or drop profile_name",
            )
        return Place(name, store, repo.name, "")
    if not isinstance(value, ObjectDownloadRequest | PrefixDownloadRequest):
        raise InvalidRequestError(
            f"DownloadRequest(value=...) holds a {type(value).__name__}",
            remedy="Give an ObjectDownloadRequest, a PrefixDownloadRequest or a HubDownloadRequest",
        )
    return place_of(value.uri, value.profile_name, stores)


def _lookup(request: DownloadRequest, place: Place, priority: int) -> Lookup:
    value = request.value
    kind = place.store.kind
    is_object = isinstance(value, ObjectDownloadRequest)
    uri = value.repo_id if isinstance(value, HubDownloadRequest) else value.uri
    key = place.key if is_object else _prefix_of(place.key, kind, uri)
    if is_object and (not key or key.endswith("/")):
        raise InvalidRequestError(
            "The uri names no object", object=uri, remedy="Use PrefixDownloadRequest"
        )
    if not is_object:
        _refuse_prefix_without_list(place, uri)
    if kind not in _FLAT:
        checked_segments(key, what="uri")
    unpack = pin = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    if isinstance(value, ObjectDownloadRequest):
        pin = pin_of(value)
        if value.unpack_options is not None:
            unpack = _unpack(value.unpack_options, key)
    else:
        include = checked_patterns(value.include, "include")
        exclude = checked_patterns(value.exclude, "exclude")
    destination = _destination(value.destination, place, uri)
    if unpack is not None and not unpack.keep_archive and is_in_hub_cache(destination):
        raise InvalidRequestError(
            "keep_archive=False would remove a file of the hub cache",
            object=uri,
            remedy="Give a destination, or keep the archive",
        )
    return Lookup(
        profile_name=place.profile_name,
        bucket=place.bucket,
        key=key,
        is_prefix=not is_object,
        destination=destination,
        cache=value.cache,
        unpack=unpack,
        priority=priority,
        include=include,
        exclude=exclude,
        pin=pin,
        nodes=None if request.nodes is None else as_selector(request.nodes),
    )


def _refuse_prefix_without_list(place: Place, uri: str) -> None:
    if place.store.kind is StoreKind.HTTP:
        raise InvalidRequestError(
            "A web server's prefixes cannot be listed",
            object=uri,
            remedy="Request each object by its own uri",
        )
    if place.store.kind is StoreKind.S3 and place.bucket is not None and VERSION in place.bucket:
        raise InvalidRequestError(
            "Only an object has a version, not a prefix",
            object=uri,
            remedy="Drop ?versionId=, or request one object",
        )


def _destination(given: Path | None, place: Place, uri: str) -> str:
    """Where it lands; for a lookup in the hub cache the folder of its repository."""
    if given is not None:
        destination = checked_destination(given)
        if is_in_hub_cache(destination):
            raise InvalidRequestError(
                f"A destination cannot begin with {HUB_CACHE}",
                path=destination,
                remedy="Give destination=None for the hub cache",
            )
        return destination
    if place.store.kind is not StoreKind.HUB or place.bucket is None:
        raise InvalidRequestError(
            "The request has no destination",
            object=uri,
            remedy="Give one; only hf:// uris can do without, and land in the hub cache",
        )
    return HUB_CACHE + repo_named(place.bucket).folder


def _prefix_of(key: str, kind: StoreKind, uri: str) -> str:
    """The prefix without the slash at its end.

    In a bucket `a//` is another prefix than `a/`; in a folder both are the same.
    """
    if kind not in _FLAT:
        return key.rstrip("/")
    if key.startswith("/") and not key.strip("/"):
        raise InvalidRequestError(
            "A prefix of slashes alone cannot be requested",
            object=uri,
            remedy="Request the whole bucket, and choose keys with include",
        )
    return key.removesuffix("/")


def _unpack(options: UnpackOptions, key: str) -> Unpack:
    method = _one_of(UnpackMethod, options.unpack_method, "unpack_method", key)
    links = _one_of(Links, options.links, "links", key)
    if method is UnpackMethod.Auto:
        method = detect_unpack_method(key)
    if not isinstance(options.conda_unpack, bool):
        raise InvalidRequestError(
            f"UnpackOptions.conda_unpack is {options.conda_unpack!r}",
            object=key,
            remedy="Give True or False",
        )
    if options.conda_unpack and method is UnpackMethod.Gz:
        raise InvalidRequestError(
            "conda_unpack goes with archives of a whole environment, and this is a single file",
            object=key,
            remedy="Pack the environment as tar.gz, tar.zst, tar or zip",
        )
    return Unpack(
        destination=checked_destination(options.destination),
        method=method,
        keep_archive=options.keep_archive,
        links=links,
        conda_unpack=options.conda_unpack,
    )


def _one_of(kind: type[_Option], value: object, name: str, key: str) -> _Option:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(each.value) for each in kind)
        raise InvalidRequestError(
            f"UnpackOptions.{name} is {value!r}", object=key, remedy=f"Give one of {known}"
        ) from None
