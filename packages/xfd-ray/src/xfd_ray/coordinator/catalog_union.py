"""The union of what several leases want: one growing catalog with each object once. Pure.

Two objects are the same if store, key, version, destination and unpacking are equal. A store is its
whole configuration, place and credentials: bytes that one driver's keys have read do not go to a
driver with other keys, which may not be allowed to read them. (Keys that a node finds by itself
follow from its environment, of which a swarm has one.) Profiles of different drivers may share a
name, so each store gets a name of its own in the catalog.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from xfd_api.catalog import Selectors
from xfd_api.chunking import cut, refuse_too_many_chunks
from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.destination_conflicts import Meet, refuse_conflicts
from xfd_api.errors import DestinationConflictError
from xfd_api.identity import (
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
from xfd_ray.coordinator.lease_objects import LeaseObjects
from xfd_ray.coordinator.requested_objects import Requested, requested_objects
from xfd_ray.placement import NodeInfo, may_meet
from xfd_scheduler.state.bitset import mask_of, positions

EVERY_NODE = NodeSelector()


@dataclass(slots=True)
class _LivePart:
    """A part of the catalog with objects that leases want.

    `wanted_by` has for each lease the selectors of nodes and the objects that these get, as a bit
    set of their places in the part.
    """

    part: CatalogPart
    wanted_by: list[tuple[Selectors, int]] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        """Places of objects that some lease wants, as a bit set."""
        return functools.reduce(int.__or__, (places for _, places in self.wanted_by), 0)

    def items(self) -> Iterator[CatalogObject]:
        """The objects that some lease wants."""
        objects, wanted = self.part.catalog.objects, self.wanted
        if wanted.bit_count() == len(objects):
            return iter(objects)
        return (objects[place] for place in positions(wanted))


class CatalogUnion:
    """See the module. Invariant: each part has an object that a lease wants.

    An object takes no memory here beside its row in the catalog's columns.
    """

    def __init__(self) -> None:
        self._parts: dict[int, _LivePart] = {}  # By their first object, in the order of these.
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
        live = list(self._live())
        objects, rivals = catalog.objects, list(others)
        if live:
            objects = list(self._versions(objects, live, as_pinned))
        if lease is not None and rivals:
            mine = replace(lease, objects=objects, stores=self._stores)
            objects = reconcile(mine, rivals, as_pinned=as_pinned)
        known = {version_identity(item): item.index for item in live}
        joined: dict[Selectors, list[ObjectIndex]] = {}
        new: dict[Selectors, list[CatalogObject]] = {}
        for item, asked in zip(objects, catalog.objects, strict=True):
            selectors = requested.selectors_of(asked)
            index = known.get(version_identity(item)) if known else None
            if index is None:
                new.setdefault(selectors, []).append(item)
            else:
                joined.setdefault(selectors, []).append(index)
        if (
            objects is not catalog.objects
        ):  # Else the request was checked, and nothing is beside it.
            added = [item for some in new.values() for item in some]
            meet = self._meeting(joined, new, requested.live)
            self._refuse_other_owners(live, added, meet)
            refuse_conflicts(live + added, meet)
            refuse_too_many_chunks(
                added, chunk_size_bytes, first_chunk=self._next_chunk, beside=self._live_chunks()
            )
        is_whole = objects is catalog.objects and len(new) == 1
        taken = {selectors: self._join(selectors, some) for selectors, some in joined.items()}
        grown = []
        for selectors, some in new.items():
            part = self._grow(catalog if is_whole else None, some, chunk_size_bytes)
            grown.append(part)
            first = part.catalog.first_object
            every = tuple(map(ObjectIndex, range(first, first + len(some))))
            self._parts[first] = _LivePart(part, [(selectors, (1 << len(some)) - 1)])
            taken.setdefault(selectors, []).append((part, every))
        return LeaseObjects(
            objects_by={selectors: tuple(parts) for selectors, parts in taken.items()},
            grown=tuple(grown),
            excluded=catalog.excluded,
            snapshots_by=requested.snapshots_by,
        )

    def _live(self) -> Iterator[CatalogObject]:
        """The objects that some lease wants."""
        for live in self._parts.values():
            yield from live.items()

    def _part_of(self, index: ObjectIndex) -> _LivePart:
        """The part that an object is in which some lease wants."""
        firsts = list(self._parts)
        return self._parts[firsts[bisect_right(firsts, index) - 1]]

    def _join(
        self, selectors: Selectors, objects: Sequence[ObjectIndex]
    ) -> list[tuple[CatalogPart, tuple[ObjectIndex, ...]]]:
        """Counts a lease in on objects that are in the catalog; returns them by their part."""
        by_first: dict[int, list[ObjectIndex]] = {}
        firsts = list(self._parts)
        for index in sorted(objects):
            by_first.setdefault(firsts[bisect_right(firsts, index) - 1], []).append(index)
        for first, some in by_first.items():
            places = mask_of([index - first for index in some])
            self._parts[first].wanted_by.append((selectors, places))
        return [(self._parts[first].part, tuple(some)) for first, some in by_first.items()]

    def _meeting(
        self,
        joined: Mapping[Selectors, Sequence[ObjectIndex]],
        new: Mapping[Selectors, Sequence[CatalogObject]],
        live: Mapping[NodeId, NodeInfo],
    ) -> Meet:
        """Whether a node gets both of two objects, by the leases and by what is wanted now."""

        @functools.cache
        def wanted_now() -> dict[ObjectIndex, Selectors]:
            indexes = {index: selectors for selectors, some in joined.items() for index in some}
            indexes.update((item.index, s) for s, some in new.items() for item in some)
            return indexes

        def selecting(item: CatalogObject) -> frozenset[NodeSelector]:
            now = wanted_now().get(item.index, frozenset())
            if item.index >= self._next_object:
                return now
            part = self._part_of(item.index)
            place = item.index - part.part.catalog.first_object
            return now.union(*(s for s, places in part.wanted_by if places >> place & 1))

        def meet(one: CatalogObject, two: CatalogObject) -> bool:
            return any(may_meet(s, t, live) for s in selecting(one) for t in selecting(two))

        return meet

    def _versions(
        self, requested: Iterable[CatalogObject], live: Iterable[CatalogObject], as_pinned: bool
    ) -> Iterator[CatalogObject]:
        pinned = {object_identity(item): item for item in live}
        for item in requested:
            before = pinned.get(object_identity(item), item)
            if item.pin not in (None, before.pin):
                raise without_checksum(item, self._stores)
            if same_content(before, item):
                yield item if item.pin == before.pin else replace(item, pin=before.pin)
            elif as_pinned:
                yield before
            else:
                raise other_version(before, item, self._stores)

    def pinned(
        self, lookup: Lookup, stores: ObjectStoreConfigByProfile
    ) -> Sequence[FoundObject] | None:
        """The version in which a lease has the object that a lookup asks for, if one has it."""
        if lookup.is_prefix:
            return None
        store = stores.of(lookup.profile_name)
        if store not in self._profile_of:
            return None
        requested = lookup_identity(lookup, self._profile_of[store])
        for item in self._live():
            if object_identity(item) == requested:
                return [item.found]
        return None

    def drop(self, wanted: LeaseObjects) -> tuple[ObjectIndex, ...]:
        """Takes a lease out; returns the objects that no lease wants any more."""
        released: list[ObjectIndex] = []
        for selectors, parts in wanted.objects_by.items():
            for part, indexes in parts:
                first = part.catalog.first_object
                live = self._parts[first]
                live.wanted_by.remove((selectors, mask_of([index - first for index in indexes])))
                left = live.wanted
                if not left:
                    del self._parts[first]
                released += [index for index in indexes if not left >> (index - first) & 1]
        return tuple(released)

    def _grow(
        self,
        requested: Catalog | None,
        new: Sequence[CatalogObject],
        chunk_size_bytes: int | None,
    ) -> CatalogPart:
        """A part with these objects; `requested` is the catalog that has exactly these."""
        if requested is not None:
            catalog = replace(requested, snapshots=())
        else:
            objects = tuple(
                replace(item, index=ObjectIndex(self._next_object + place))
                for place, item in enumerate(new)
            )
            catalog = Catalog(
                objects=objects,
                chunks=tuple(cut(objects, chunk_size_bytes, self._next_chunk)),
                first_object=self._next_object,
                first_chunk=self._next_chunk,
            )
        names = {item.profile_name for item in catalog.objects}
        part = CatalogPart(
            catalog.as_columns(), ObjectStoreConfigByProfile({n: self._stores[n] for n in names})
        )
        self._next_object += len(catalog.objects)
        self._next_chunk += len(catalog.chunks)
        return part

    def _live_chunks(self) -> int:
        """The number of chunks of all parts with wanted objects."""
        return sum(len(live.part.catalog.chunks) for live in self._parts.values())

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
