"""When two objects, versions, stores or requests are the same. Every package compares by these.

All results are hashable. Credentials are part of no identity here: a `profile_name` stands for
them, and a caller that joins several drivers' profiles renames the profiles first.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from xfd_api.chunks import CatalogObject, Checksum, FoundObject, Unpack
from xfd_api.lookups import Lookup
from xfd_api.paths import is_in_hub_cache
from xfd_api.stores import ObjectStoreConfig

NS_PER_S = 1_000_000_000


class ObjectIdentity(NamedTuple):
    """One object at one destination, in whichever version its store has it."""

    profile_name: str | None
    bucket: str | None
    key: str
    destination: str
    unpack: Unpack | None


FoundVersion = tuple[int, str | None, int | None]
"""The size, the ETag, and the time of the last change."""

Content = tuple[str, FoundVersion]
"""The key, and the version at the store."""

Version = tuple[ObjectIdentity, Content, Checksum | None]
"""One version of an object at one destination, and what it is pinned to."""


def object_identity(item: CatalogObject) -> ObjectIdentity:
    """What all versions of an object at its destination have in common.

    A destination in the hub cache is the name of the content. Files of other paths and commits with
    this content are the same object.
    """
    if is_in_hub_cache(item.destination):
        return ObjectIdentity(item.profile_name, None, "", item.destination, item.unpack)
    return ObjectIdentity(
        item.profile_name, item.bucket, item.found.key, item.destination, item.unpack
    )


def lookup_identity(lookup: Lookup, profile_name: str | None) -> ObjectIdentity:
    """The identity of the object that a lookup of a single object finds under this profile."""
    return ObjectIdentity(
        profile_name, lookup.bucket, lookup.key, lookup.destination, lookup.unpack
    )


def version_identity(item: CatalogObject) -> Version:
    """What is the same in all catalogs that have this version of an object."""
    return object_identity(item), _content(item), item.pin


def same_content(one: CatalogObject, two: CatalogObject) -> bool:
    """Whether two objects of one identity are the same version of it."""
    return _content(one) == _content(two)


def found_version(found: FoundObject) -> FoundVersion:
    """What says which version of an object a store has.

    Beside an ETag the time counts in whole seconds: a list may say it more finely than the answer
    about one object, whose `Last-Modified` has no parts of a second (RFC 9110, 5.6.7). The data
    plane compares records by the same.

    Example:
        >>> listed = FoundObject("a", 1, etag='"1"', last_modified_ns=1_700_000_000_123_000_000)
        >>> asked = FoundObject("a", 1, etag='"1"', last_modified_ns=1_700_000_000_000_000_000)
        >>> found_version(listed) == found_version(asked)
        True
    """
    time = found.last_modified_ns
    if time is not None and found.etag is not None:
        time //= NS_PER_S
    return found.size, found.etag, time


def _content(item: CatalogObject) -> Content:
    # Blobs of a hub cache are found under several paths.
    key = "" if is_in_hub_cache(item.destination) else item.found.key
    return key, found_version(item.found)


def store_location(store: ObjectStoreConfig, bucket: str | None = None) -> Hashable:
    """Where a store is, with whatever credentials it is read.

    Args:
        store: the store.
        bucket: named by a uri in place of the store's own.
    """
    account = None if store.azure is None else store.azure.account
    place = (store.kind, store.endpoint, bucket or store.bucket, store.directory, store.base_url)
    return (*place, account)


def request_identity(lookup: Lookup, store: ObjectStoreConfig) -> Hashable:
    """What a lookup asks of a store and where it lands, with whatever credentials."""
    return (
        store_location(store, lookup.bucket),
        lookup.key,
        lookup.is_prefix,
        lookup.include,
        lookup.exclude,
        lookup.destination,
        lookup.unpack,
        lookup.pin,
    )
