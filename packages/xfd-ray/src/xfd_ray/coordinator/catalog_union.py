"""The union of what several leases want: one growing catalog with each object once. Pure.

Two objects are the same if store, key, version, destination and unpacking are equal. A store is its
whole configuration, place and credentials: bytes that one driver's keys have read do not go to a
driver with other keys, which may not be allowed to read them. (Keys that a node finds by itself
follow from its environment, of which a swarm has one.) Profiles of different drivers may share a
name, so each store gets a name of its own in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from xfd_api.catalog import build_catalog
from xfd_api.chunking import cut, refuse_too_many_chunks
from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.destination_conflicts import refuse_conflicts
from xfd_api.errors import DestinationConflictError
from xfd_api.hub_files import HubSnapshot
from xfd_api.identity import (
    Version,
    lookup_identity,
    object_identity,
    same_content,
    store_location,
    version_identity,
)
from xfd_api.ids import ObjectIndex
from xfd_api.lookups import Lookup
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


@dataclass(frozen=True, slots=True)
class LeaseObjects:
    """What one lease wants.

    Attributes:
        objects: by part, in the catalog's order.
        grown: the part that this lease added, if it added one.
        excluded: how many objects the lease's `include` and `exclude` left out.
        snapshots: what is linked in the hub cache, as a part without objects; None without any. Its
            blobs may be objects that other leases have added.
    """

    objects: tuple[tuple[CatalogPart, tuple[ObjectIndex, ...]], ...]
    grown: CatalogPart | None
    excluded: int = 0
    snapshots: CatalogPart | None = None


class CatalogUnion:
    """See the module. Invariant: `_index_of` holds exactly the objects that a lease wants."""

    def __init__(self) -> None:
        self._index_of: dict[Version, ObjectIndex] = {}
        self._live: dict[ObjectIndex, tuple[CatalogObject, CatalogPart]] = {}
        self._wanted_by: dict[ObjectIndex, int] = {}
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
    ) -> Catalog:
        """The objects of one lease, with indexes after those that are taken; adds none of them.

        Raises:
            XfdError: the request is wrong in itself; see `build_catalog`.
        """
        renamed = tuple(
            replace(lookup, profile_name=self._profile(lookup, stores)) for lookup in lookups
        )
        return build_catalog(
            renamed,
            found,
            chunk_size_bytes=chunk_size_bytes,
            first_object=self._next_object,
            first_chunk=self._next_chunk,
        )

    def add(
        self,
        requested: Catalog,
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
        objects = list(self._versions(requested.objects, as_pinned))
        if lease is not None:
            mine = replace(lease, objects=objects, stores=self._stores)
            objects = reconcile(mine, others, as_pinned=as_pinned)
        wanted = {version_identity(item): item for item in objects}
        new = {key: item for key, item in wanted.items() if key not in self._index_of}
        live = [item for item, _ in self._live.values()]
        self._refuse_other_owners(live, new.values())
        refuse_conflicts(live + list(new.values()))
        refuse_too_many_chunks(
            list(new.values()),
            chunk_size_bytes,
            first_chunk=self._next_chunk,
            beside=self._live_chunks(),
        )
        grown = self._grow(requested, new, chunk_size_bytes) if new else None
        by_part: dict[int, tuple[CatalogPart, list[ObjectIndex]]] = {}
        for version in wanted:
            index = self._index_of[version]
            self._wanted_by[index] = self._wanted_by.get(index, 0) + 1
            part = self._live[index][1]
            by_part.setdefault(part.catalog.first_object, (part, []))[1].append(index)
        return LeaseObjects(
            objects=tuple((part, tuple(sorted(indexes))) for part, indexes in by_part.values()),
            grown=grown,
            excluded=requested.excluded,
            snapshots=_links(requested.snapshots),
        )

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
        for _, indexes in wanted.objects:
            for index in indexes:
                self._wanted_by[index] -= 1
                if self._wanted_by[index] == 0:
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
        self, live: Iterable[CatalogObject], new: Iterable[CatalogObject]
    ) -> None:
        """Refuses objects at destinations of others, with the reason if only credentials differ."""
        owners = {item.destination: item for item in live}
        for item in new:
            owner = owners.get(item.destination)
            if owner is None:
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


def _links(snapshots: tuple[HubSnapshot, ...]) -> CatalogPart | None:
    if not snapshots:
        return None
    return CatalogPart(Catalog((), (), snapshots=snapshots), ObjectStoreConfigByProfile({}))
