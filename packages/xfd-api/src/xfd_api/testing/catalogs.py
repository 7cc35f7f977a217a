"""Catalogs for tests, cut by `build_catalog`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from xfd_api.catalog import build_catalog
from xfd_api.chunks import MIB, Catalog, CatalogObject, Chunk, FoundObject
from xfd_api.lookups import Lookup

Item = TypeVar("Item", CatalogObject, Chunk)


def found_object(key: str, size: int, *, version: int = 1) -> FoundObject:
    """Makes an origin's answer; another `version` has another ETag and another time."""
    return FoundObject(
        key=key,
        size=size,
        etag=f'"{key}-{size}-{version}"',
        last_modified_ns=(1_700_000_000 + version) * 10**9,
    )


def catalog_of(
    sizes: Mapping[str, int],
    *,
    chunk_size_bytes: int | None = MIB,
    first_object: int = 0,
    first_chunk: int = 0,
) -> Catalog:
    """Makes a catalog of objects with these keys and sizes, in bytes; each lands at `out/KEY`."""
    lookups = [Lookup(None, None, key, is_prefix=False, destination=f"out/{key}") for key in sizes]
    found = [[found_object(key, size)] for key, size in sizes.items()]
    return build_catalog(
        lookups,
        found,
        chunk_size_bytes=chunk_size_bytes,
        first_object=first_object,
        first_chunk=first_chunk,
    )


def by_index(items: Sequence[Item]) -> dict[Any, Item]:
    """Objects or chunks of a catalog by their index."""
    return {item.index: item for item in items}
