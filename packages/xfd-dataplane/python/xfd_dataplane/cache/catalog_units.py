"""The entries that a catalog becomes on a node. Pure, but for the environment that is given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class CatalogUnit:
    """An entry that a run brings or uses.

    Attributes:
        path: see `CacheEntry.path`.
        tree: the folder of an archive that is unpacked.
        keeps_archive: False if an archive is removed once it is unpacked.
        objects: by the name that each has in the entry.
    """

    path: Path
    kind: EntryKind
    source: str
    tree: Path | None = None
    keeps_archive: bool = True
    objects: dict[str, CatalogObject] = field(default_factory=dict)


class CatalogUnits:
    """The entries of one swarm's catalog, which grows.

    Attributes:
        units: by their path.
        places: of each object the unit and its name there; a blob may be in several snapshots.

    Args:
        root: folder of relative destinations.
        hub_cache: the node's hub cache.
        environment: variables, see `store_name`.
    """

    def __init__(self, root: str, hub_cache: str, environment: Mapping[str, str]) -> None:
        self.units: dict[Path, CatalogUnit] = {}
        self.places: dict[ObjectIndex, tuple[tuple[CatalogUnit, str], ...]] = {}
        self._root = root
        self._hub_cache = hub_cache
        self._environment = environment
        self._blobs: dict[str, CatalogObject] = {}
        self._stores: dict[tuple[str | None, str | None], str] = {}
        self._identities: dict[ObjectIndex, tuple[int | None, int | None]] = {}

    def extend(self, catalog: Catalog, stores: ObjectStoreConfigByProfile) -> list[CatalogUnit]:
        """Adds a part of the catalog; the units that it adds to."""
        changed: dict[Path, CatalogUnit] = {}
        group, unit, prefix = None, None, 0
        for item in catalog.objects:
            destination = item.destination
            if is_in_hub_cache(destination):
                self._blobs[destination.removeprefix(HUB_CACHE)] = item
                continue
            if item.is_directory:
                continue
            if unit is None or item.group is None or item.group != group:
                group, prefix = item.group, len(item.group or destination) + 1
                unit = self._unit(Path(self.place(group or destination)), item, stores)
                changed[unit.path] = unit
            name = destination[prefix:]
            unit.objects[name] = item
            self.places[item.index] = ((unit, name),)
        for snapshot in catalog.snapshots:
            repo = snapshot.repo_folder
            path = Path(self._hub_cache, repo, "snapshots", snapshot.commit)
            name = repo.partition("--")[2].replace("--", "/")
            source = f"hf://{name}@{snapshot.revision or snapshot.commit}"
            unit = self.units.setdefault(path, CatalogUnit(path, "snapshot", source))
            for file in snapshot.files:
                blob = self._blobs.get(f"{repo}/blobs/{file.blob_id}")
                if blob is not None:
                    unit.objects[file.blob_id] = blob
                    place = (unit, file.blob_id)
                    self.places[blob.index] = (*self.places.get(blob.index, ()), place)
            changed[path] = unit
        return list(changed.values())

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
        self, unit: CatalogUnit, names: Iterable[str], stores: ObjectStoreConfigByProfile
    ) -> Iterator[IndexedObject]:
        """The objects of these names, which are here. An archive may be removed after unpacking."""
        if not unit.keeps_archive:
            return (IndexedObject(name, 0, None, None) for name in names)
        items = ((name, unit.objects[name]) for name in names)
        return (
            IndexedObject(name, item.size, *self.identities(item, stores)) for name, item in items
        )

    def identities(
        self, item: CatalogObject, stores: ObjectStoreConfigByProfile
    ) -> tuple[int | None, int | None]:
        """See `version_identity` and `content_identity`."""
        known = self._identities.get(item.index)
        if known is None:
            key = (item.profile_name, item.bucket)
            store = self._stores.get(key)
            if store is None:
                store = store_name(stores.of(item.profile_name), item.bucket, self._environment)
                self._stores[key] = store
            known = (version_identity(store, item.found), content_identity(item))
            self._identities[item.index] = known
        return known

    def _unit(
        self, path: Path, item: CatalogObject, stores: ObjectStoreConfigByProfile
    ) -> CatalogUnit:
        known = self.units.get(path)
        if known is not None:
            return known
        key = item.found.key
        if item.group is not None:
            key = key.removesuffix(item.destination[len(item.group) + 1 :])
        source = source_of(stores.of(item.profile_name), item.bucket, key)
        kind: EntryKind = "file" if item.group is None else "prefix"
        unit = CatalogUnit(path, kind, source)
        if item.unpack is not None:
            unit.kind, unit.keeps_archive = "tree", item.unpack.keep_archive
            unit.tree = Path(self.place(item.unpack.destination))
        self.units[path] = unit
        return unit
