"""The union of what several leases want: one growing catalog with each object once. Pure.

Two objects are the same if store, key, version, destination and unpacking are equal. A store is its
whole configuration, place and credentials: bytes that one driver's keys have read do not go to a
driver with other keys, which may not be allowed to read them. (Keys that a node finds by itself
follow from its environment, of which a swarm has one.) Profiles of different drivers may share a
name, so each store gets a name of its own in the catalog.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from xfd_api.catalog import Selectors
from xfd_api.chunking import cut, refuse_too_many_chunks
from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.destination_conflicts import Meet, refuse_conflicts
from xfd_api.errors import DestinationConflictError
from xfd_api.identity import (
    Version,
    lookup_identity,
    object_identity,
    same_content,
    store_location,
    version_identity,
)
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.destinations import (
    Claim,
    other_object,
    other_version,
    reconcile,
    without_checksum,
)
from xfd_ray.coordinator.lease_objects import ByPart, LeaseObjects
from xfd_ray.coordinator.requested_objects import Requested, requested_objects
from xfd_ray.placement import NodeInfo, may_meet

EVERY_NODE = NodeSelector()


class CatalogUnion:
    """See the module. Invariant: `_index_of` holds exactly the objects that a lease wants."""

    def __init__(self) -> None:
        self._index_of: dict[Version, ObjectIndex] = {}
        self._live: dict[ObjectIndex, tuple[CatalogObject, CatalogPart]] = {}
        self._wanted_by: dict[ObjectIndex, tuple[Selectors, ...]] = {}
        self._profile_of: dict[ObjectStoreConfig, str | None] = {}
        self._stores: dict[str | None, ObjectStoreConfig] = {}
        self._next_object = 0
        self._next_chunk = 0

    @property
    def stores(self) -> Mapping[str | None, ObjectStoreConfig]:
        """The stores by the names that they have in the catalog."""
        return self._stores

    def catalog_of(
        self,
        lookups: Sequence[Lookup],
        found: Sequence[Sequence[FoundObject]],
        stores: ObjectStoreConfigByProfile,
        chunk_size_bytes: int | None,
        *,
        nodes: NodeSelector = EVERY_NODE,
        live: Mapping[NodeId, NodeInfo] = MappingProxyType({}),
    ) -> Requested:
        """The objects of one lease; adds none of them.

        Args:
            lookups: of the lease.
            found: what they found.
            stores: that they name.
            chunk_size_bytes: see `build_catalog`.
            nodes: what the lease selects.
            live: the live nodes.

        Raises:
            XfdError: the request is wrong in itself; see `build_catalog`.
        """
        return requested_objects(
            [replace(each, profile_name=self._profile(each, stores)) for each in lookups],
            found,
            nodes,
            live,
            chunk_size_bytes=chunk_size_bytes,
            first_object=self._next_object,
            first_chunk=self._next_chunk,
        )

    def add(
        self,
        requested: Requested,
        chunk_size_bytes: int | None,
        *,
        as_pinned: bool = False,
        lease: Claim | None = None,
        others: Iterable[Claim] = (),
    ) -> LeaseObjects:
        """Adds what one lease wants.

        Args:
            requested: from `catalog_of`, with nothing added since.
            chunk_size_bytes: see `build_catalog`.
            as_pinned: an object that another lease has in another version is wanted in that.
            lease: nodes and environment of this lease; its objects are the requested ones.
            others: what leases of other swarms have.

        Raises:
            VersionConflictError: another lease has another version of an object.
            DestinationConflictError: another lease's object has its place, be it the same object
                with other credentials.
            InvalidRequestError: there would be too many chunks, with those of other leases.
        """
        catalog = requested.catalog
        objects = list(self._versions(catalog.objects, as_pinned))
        if lease is not None:
            mine = replace(lease, objects=objects, stores=self._stores)
            objects = reconcile(mine, others, as_pinned=as_pinned)
        wanted = {
            version_identity(item): (item, requested.selectors_of(asked))
            for item, asked in zip(objects, catalog.objects, strict=True)
        }
        new = {key: each for key, each in wanted.items() if key not in self._index_of}
        live = [item for item, _ in self._live.values()]
        added = [item for item, _ in new.values()]
        meet = self._meeting(wanted, requested.live)
        self._refuse_other_owners(live, added, meet)
        refuse_conflicts(live + added, meet)
        refuse_too_many_chunks(
            added, chunk_size_bytes, first_chunk=self._next_chunk, beside=self._live_chunks()
        )
        by_selectors: dict[Selectors, dict[Version, CatalogObject]] = {}
        for version, (item, selectors) in new.items():
            by_selectors.setdefault(selectors, {})[version] = item
        grown = tuple(self._grow(catalog, each, chunk_size_bytes) for each in by_selectors.values())
        return LeaseObjects(
            objects_by=self._take(wanted),
            grown=grown,
            excluded=catalog.excluded,
            snapshots_by=requested.snapshots_by,
        )

    def _take(
        self, wanted: Mapping[Version, tuple[CatalogObject, Selectors]]
    ) -> dict[Selectors, ByPart]:
        """Counts a lease in on the objects that it wants, which are all in the catalog."""
        taken: dict[Selectors, dict[int, tuple[CatalogPart, list[ObjectIndex]]]] = {}
        alone: dict[Selectors, tuple[Selectors]] = {}
        for version, (_, selectors) in wanted.items():
            index = self._index_of[version]
            before = self._wanted_by.get(index, ())
            mine = alone.setdefault(selectors, (selectors,))
            self._wanted_by[index] = (*before, *mine) if before else mine
            part = self._live[index][1]
            by_part = taken.setdefault(selectors, {})
            by_part.setdefault(part.catalog.first_object, (part, []))[1].append(index)
        return {
            selectors: tuple((part, tuple(sorted(indexes))) for part, indexes in parts.values())
            for selectors, parts in taken.items()
        }

    def _meeting(
        self,
        wanted: Mapping[Version, tuple[CatalogObject, Selectors]],
        live: Mapping[NodeId, NodeInfo],
    ) -> Meet:
        """Whether a node gets both of two objects, by the leases and by what is wanted now."""

        @functools.cache
        def wanted_now() -> dict[ObjectIndex, Selectors]:
            return {
                self._index_of.get(version, item.index): selectors
                for version, (item, selectors) in wanted.items()
            }

        def selecting(item: CatalogObject) -> frozenset[NodeSelector]:
            now = wanted_now().get(item.index, frozenset())
            return now.union(*self._wanted_by.get(item.index, ()))

        def meet(one: CatalogObject, two: CatalogObject) -> bool:
            return any(may_meet(s, t, live) for s in selecting(one) for t in selecting(two))

        return meet

    def _versions(
        self, requested: Iterable[CatalogObject], as_pinned: bool
    ) -> Iterator[CatalogObject]:
        pinned = {object_identity(item): item for item, _ in self._live.values()}
        for item in requested:
            before = pinned.get(object_identity(item), item)
            if item.pin not in (None, before.pin):
                raise without_checksum(item, self._stores)
            if same_content(before, item):
                yield replace(item, pin=before.pin)
            elif as_pinned:
                yield before
            else:
                raise other_version(before, item, self._stores)

    def pinned(
        self, lookup: Lookup, stores: ObjectStoreConfigByProfile
    ) -> list[FoundObject] | None:
        """The version in which a lease has the object that a lookup asks for, if one has it."""
        if lookup.is_prefix:
            return None
        store = stores.of(lookup.profile_name)
        if store not in self._profile_of:
            return None
        requested = lookup_identity(lookup, self._profile_of[store])
        for item, _ in self._live.values():
            if object_identity(item) == requested:
                return [item.found]
        return None

    def drop(self, wanted: LeaseObjects) -> tuple[ObjectIndex, ...]:
        """Takes a lease out; returns the objects that no lease wants any more."""
        released = []
        for selectors, parts in wanted.objects_by.items():
            for index in (index for _, indexes in parts for index in indexes):
                left = list(self._wanted_by[index])
                left.remove(selectors)
                self._wanted_by[index] = tuple(left)
                if not left:
                    item, _ = self._live.pop(index)
                    del self._wanted_by[index]
                    del self._index_of[version_identity(item)]
                    released.append(index)
        return tuple(released)

    def _grow(
        self, requested: Catalog, new: Mapping[Version, CatalogObject], chunk_size_bytes: int | None
    ) -> CatalogPart:
        catalog = replace(requested, snapshots=())
        if tuple(new.values()) != requested.objects:
            objects = tuple(
                replace(item, index=ObjectIndex(self._next_object + place))
                for place, item in enumerate(new.values())
            )
            catalog = Catalog(
                objects=objects,
                chunks=tuple(cut(objects, chunk_size_bytes, self._next_chunk)),
                first_object=self._next_object,
                first_chunk=self._next_chunk,
            )
        names = {item.profile_name for item in catalog.objects}
        part = CatalogPart(catalog, ObjectStoreConfigByProfile({n: self._stores[n] for n in names}))
        self._next_object += len(catalog.objects)
        self._next_chunk += len(catalog.chunks)
        for identity, item in zip(new, catalog.objects, strict=True):
            self._index_of[identity] = item.index
            self._live[item.index] = (item, part)
        return part

    def _live_chunks(self) -> int:
        """The number of chunks of all parts with wanted objects."""
        parts = {part.catalog.first_chunk: part for _, part in self._live.values()}
        return sum(len(part.catalog.chunks) for part in parts.values())

    def _refuse_other_owners(
        self, live: Iterable[CatalogObject], new: Iterable[CatalogObject], meet: Meet
    ) -> None:
        """Refuses objects at destinations of others, with the reason if only credentials differ."""
        places = {item.destination for item in new}
        owners: dict[str, list[CatalogObject]] = {}
        for owner in live:
            if owner.destination in places:
                owners.setdefault(owner.destination, []).append(owner)
        pairs = ((owner, item) for item in new for owner in owners.get(item.destination, ()))
        for owner, item in pairs:
            if not meet(owner, item):
                continue
            if owner.profile_name == item.profile_name or (
                (owner.bucket, owner.found.key) != (item.bucket, item.found.key)
                or store_location(self._stores[owner.profile_name])
                != store_location(self._stores[item.profile_name])
            ):
                raise other_object(owner, self._stores, item, self._stores)
            raise DestinationConflictError(
                "Another call brings this object there at the moment, with other credentials "
                "or settings of the store",
                object=item.found.key,
                path=item.destination,
                remedy="Give both the same ObjectStoreConfig, another destination, or call "
                "again when the other is over",
            )

    def _profile(self, lookup: Lookup, stores: ObjectStoreConfigByProfile) -> str | None:
        """The catalog's name of a lookup's store."""
        config = stores.of(lookup.profile_name)
        if config not in self._profile_of:
            name, k = lookup.profile_name, 2
            while name in self._stores:
                name, k = f"{lookup.profile_name or 'store'}-{k}", k + 1
            self._profile_of[config] = name
            self._stores[name] = config
        return self._profile_of[config]
