"""Lookups and answers for the catalog's tests."""

from __future__ import annotations

from xfd_api.chunks import FoundObject, Unpack
from xfd_api.lookups import Lookup
from xfd_api.requests import UnpackMethod


def found(key: str, size: int = 1) -> FoundObject:
    return FoundObject(key=key, size=size, etag='"e"', last_modified_ns=1)


def object_lookup(
    key: str, destination: str | None = None, *, priority: int = 0, cache: bool = True
) -> Lookup:
    return Lookup(
        None, None, key, False, destination or f"/d/{key}", cache=cache, priority=priority
    )


def prefix_lookup(prefix: str, destination: str = "/d", *, priority: int = 0) -> Lookup:
    return Lookup(None, None, prefix, True, destination, priority=priority)


def archive_lookup(key: str, tree: str) -> Lookup:
    unpack = Unpack(tree, UnpackMethod.Tar, keep_archive=True)
    return Lookup(None, None, key, False, f"/d/{key}", unpack=unpack)
