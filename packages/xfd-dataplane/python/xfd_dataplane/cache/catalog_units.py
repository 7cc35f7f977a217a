"""The entries that a catalog becomes on a node. Pure, but for the environment that is given."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xfd_api.chunks import Catalog, CatalogObject
from xfd_api.ids import ObjectIndex
from xfd_api.paths import HUB_CACHE, is_in_hub_cache
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_dataplane.cache.entries import EntryKind, IndexedObject
from xfd_dataplane.cache.identity import (
    content_identity,
    source_of,
    store_name,
    version_identity,
)

_ROWS = 32
"""Bits of a place in a part of the catalog."""


@dataclass(slots=True)
class CatalogUnit:
    """An entry that a run brings or uses.

    Attributes:
        path: see `CacheEntry.path`.
        tree: the folder of an archive that is unpacked.
        keeps_archive: False if an archive is removed once it is unpacked.
    """

    path: Path
    kind: EntryKind
    source: str
    tree: Path | None = None
    keeps_archive: bool = True

    def name_of(self, item: CatalogObject) -> str:
        """The name that one of its objects has in the entry."""
        if self.kind == "snapshot":
            return item.destination.rpartition("/")[2]
        return "" if item.group is None else item.destination[len(item.group) + 1 :]


class CatalogUnits:
    """The entries of one swarm's catalog, which grows. Keeps no object by itself: a catalog that
    came as columns stays so.

    Attributes:
        units: by their path.

    Args:
        root: folder of relative destinations.
        hub_cache: the node's hub cache.
        environment: variables, see `store_name`.
    """

    def __init__(self, root: str, hub_cache: str, environment: Mapping[str, str]) -> None:
        self.units: dict[Path, CatalogUnit] = {}
        self._root = root
        self._hub_cache = hub_cache
        self._environment = environment
        self._unit_of: dict[str, CatalogUnit] = {}
        self._parts: list[Sequence[CatalogObject]] = [()]
        self._place_of = array("Q")  # Of each object its part, and its place there; 0 for none.
        self._blobs: dict[str, ObjectIndex] = {}
        self._snapshots_of: dict[ObjectIndex, tuple[CatalogUnit, ...]] = {}
        self._stores: dict[tuple[str | None, str | None], str] = {}

    def extend(self, catalog: Catalog, stores: ObjectStoreConfigByProfile) -> list[CatalogUnit]:
        """Adds a part of the catalog; the units that it adds to."""
        changed: dict[Path, CatalogUnit] = {}
        group, unit = None, None
        part = len(self._parts) << _ROWS
        self._parts.append(catalog.objects)
        for row, item in enumerate(catalog.objects):
            if item.is_directory:
                continue
            if item.index >= len(self._place_of):
                self._place_of.frombytes(bytes(8 * (item.index + 1 - len(self._place_of))))
            self._place_of[item.index] = part | row
            if is_in_hub_cache(item.destination):
                self._blobs[item.destination.removeprefix(HUB_CACHE)] = item.index
            elif unit is None or item.group is None or item.group != group:
                group, unit = item.group, self._unit(item, stores)
                changed[unit.path] = unit
        for snapshot in catalog.snapshots:
            repo = snapshot.repo_folder
            path = Path(self._hub_cache, repo, "snapshots", snapshot.commit)
            name = repo.partition("--")[2].replace("--", "/")
            source = f"hf://{name}@{snapshot.revision or snapshot.commit}"
            unit = self.units.setdefault(path, CatalogUnit(path, "snapshot", source))
            for file in snapshot.files:
                blob = self._blobs.get(f"{repo}/blobs/{file.blob_id}")
                if blob is not None:
                    known = self._snapshots_of.get(blob, ())
                    self._snapshots_of[blob] = (*known, unit)
            changed[path] = unit
        return list(changed.values())

    def item(self, index: ObjectIndex) -> CatalogObject | None:
        """An object of the catalog that becomes a file; None for any other."""
        place = self._place_of[index] if index < len(self._place_of) else 0
        return self._parts[place >> _ROWS][place & (1 << _ROWS) - 1] if place else None

    def units_of(self, item: CatalogObject) -> tuple[CatalogUnit, ...]:
        """The units that have an object; a blob may be in several snapshots."""
        if is_in_hub_cache(item.destination):
            return self._snapshots_of.get(item.index, ())
        unit = self._unit_of.get(item.group or item.destination)
        return () if unit is None else (unit,)

    def place(self, destination: str) -> str:
        """The path of a destination on this node."""
        if is_in_hub_cache(destination):
            return f"{self._hub_cache}/{destination.removeprefix(HUB_CACHE)}"
        return destination if destination.startswith("/") else f"{self._root}/{destination}"

    def used_places(self, units: Iterable[CatalogUnit]) -> Iterator[tuple[bool, str]]:
        """The destinations that units use, and whether each lies in the hub cache.

        Of a snapshot that is its whole repository: blobs that have no link yet are in use too.
        """
        for unit in units:
            if unit.kind == "snapshot":
                yield True, os.fspath(unit.path.parents[1])
                continue
            yield False, os.fspath(unit.path)
            if unit.tree is not None:
                yield False, os.fspath(unit.tree)

    def indexed(
        self,
        unit: CatalogUnit,
        items: Iterable[CatalogObject],
        stores: ObjectStoreConfigByProfile,
    ) -> Iterator[IndexedObject]:
        """These objects of a unit, which are here. An archive may be removed after unpacking."""
        for item in items:
            name = unit.name_of(item)
            if unit.keeps_archive:
                yield IndexedObject(name, item.size, *self.identities(item, stores))
            else:
                yield IndexedObject(name, 0, None, None)

    def identities(
        self, item: CatalogObject, stores: ObjectStoreConfigByProfile
    ) -> tuple[int | None, int | None]:
        """See `version_identity` and `content_identity`."""
        key = (item.profile_name, item.bucket)
        store = self._stores.get(key)
        if store is None:
            store = store_name(stores.of(item.profile_name), item.bucket, self._environment)
            self._stores[key] = store
        return version_identity(store, item.found), content_identity(item)

    def _unit(self, item: CatalogObject, stores: ObjectStoreConfigByProfile) -> CatalogUnit:
        place = item.group or item.destination
        unit = self._unit_of.get(place)
        if unit is None:
            path = Path(self.place(place))
            unit = self.units.get(path) or self._new_unit(path, item, stores)
            self.units[path] = self._unit_of[place] = unit
        return unit

    def _new_unit(
        self, path: Path, item: CatalogObject, stores: ObjectStoreConfigByProfile
    ) -> CatalogUnit:
        key = item.found.key
        if item.group is not None:
            key = key.removesuffix(item.destination[len(item.group) + 1 :])
        source = source_of(stores.of(item.profile_name), item.bucket, key)
        kind: EntryKind = "file" if item.group is None else "prefix"
        unit = CatalogUnit(path, kind, source)
        if item.unpack is not None:
            unit.kind, unit.keeps_archive = "tree", item.unpack.keep_archive
            unit.tree = Path(self.place(item.unpack.destination))
        return unit
