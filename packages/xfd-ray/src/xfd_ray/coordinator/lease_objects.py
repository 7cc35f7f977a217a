"""What a lease wants, and each node's share of it. Pure.

Requests may be for different nodes. Objects that the same selectors select have parts of the
catalog of their own: no pack then holds objects of which a node wants only some.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xfd_api.catalog import Selectors
from xfd_api.chunks import Catalog
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_selector import NodeSelector
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.part_items import chunk_places_of, places_of
from xfd_ray.placement import NodeInfo
from xfd_ray.request_nodes import RequestNodes
from xfd_scheduler.state.bitset import positions

ByPart = tuple[tuple[CatalogPart, tuple[ObjectIndex, ...]], ...]
"""Objects by the part of the catalog that they are in, in the catalog's order."""


@dataclass(frozen=True, slots=True)
class LeaseObjects:
    """What one lease wants.

    Attributes:
        objects_by: objects by the selectors that select their nodes.
        grown: the parts that this lease added.
        excluded: how many objects the lease's `include` and `exclude` left out.
        snapshots_by: what is linked in the hub cache, by the selector of its nodes. Its blobs may
            be objects that other leases have added.
    """

    objects_by: Mapping[Selectors, ByPart]
    grown: tuple[CatalogPart, ...] = ()
    excluded: int = 0
    snapshots_by: Mapping[NodeSelector, tuple[HubSnapshot, ...]] = field(default_factory=dict)

    @property
    def objects(self) -> ByPart:
        """All objects; a part may be there more than once."""
        return tuple(each for parts in self.objects_by.values() for each in parts)

    @property
    def snapshots(self) -> frozenset[HubSnapshot]:
        """All snapshots."""
        return frozenset(each for some in self.snapshots_by.values() for each in some)


@dataclass(frozen=True, slots=True)
class Share:
    """What one node gets of a lease. Nodes that get the same have the same share.

    Attributes:
        objects: what it is assigned.
        mask: its objects, as a bit set.
        chunks: the chunks with bytes of them, as a bit set.
        mixed: of these, the chunks that also have bytes of other objects of the lease.
        bytes: of its objects.
        links: what it links in its hub cache, as a part without objects; None for nothing.
    """

    objects: ByPart
    mask: int
    chunks: int
    bytes: int
    mixed: int = 0
    links: CatalogPart | None = None

    @property
    def snapshots(self) -> frozenset[HubSnapshot]:
        """What it links in its hub cache."""
        return frozenset(() if self.links is None else self.links.catalog.snapshots)


class Shares:
    """The shares of the nodes of one lease.

    Attributes:
        whole: the share of a node that gets all.
    """

    def __init__(self, wanted: LeaseObjects) -> None:
        self._wanted = wanted
        self._parts = {
            selectors: _share(objects) for selectors, objects in wanted.objects_by.items()
        }
        self._parts_of: dict[NodeSelector, list[Selectors]] = {}
        for selectors in self._parts:
            for each in selectors:
                self._parts_of.setdefault(each, []).append(selectors)
        self._requests = RequestNodes([*self._parts_of, *wanted.snapshots_by])
        self._mixed = _overlap(share.chunks for share in self._parts.values())
        everything = frozenset([*self._parts_of, *wanted.snapshots_by])
        self.whole = self._joined(everything)
        self._made = {everything: self.whole}
        self._of: dict[NodeId, Share | None] = {}

    def of(self, node: NodeInfo) -> Share | None:
        """The node's share; None if it gets nothing. A node keeps its labels and resources."""
        if node.id not in self._of:
            selecting = self._requests.selecting(node)
            if selecting and selecting not in self._made:
                self._made[selecting] = self._joined(selecting)
            self._of[node.id] = self._made.get(selecting)
        return self._of[node.id]

    def _joined(self, selecting: frozenset[NodeSelector]) -> Share:
        used = dict.fromkeys(
            selectors for each in selecting for selectors in self._parts_of.get(each, ())
        )
        parts = [share for selectors, share in self._parts.items() if selectors in used]
        mask = chunks = 0
        for part in parts:
            mask |= part.mask
            chunks |= part.chunks
        snapshots = [
            each
            for selector, some in self._wanted.snapshots_by.items()
            if selector in selecting
            for each in some
        ]
        return Share(
            tuple(each for part in parts for each in part.objects),
            mask,
            chunks,
            sum(part.bytes for part in parts),
            self._mixed & chunks if len(parts) < len(self._parts) else 0,
            links_of(snapshots),
        )


def links_of(snapshots: Iterable[HubSnapshot]) -> CatalogPart | None:
    """Snapshots as a part without objects; None without any."""
    each_once = tuple(dict.fromkeys(snapshots))
    if not each_once:
        return None
    return CatalogPart(Catalog((), (), snapshots=each_once), ObjectStoreConfigByProfile({}))


def _share(objects: ByPart) -> Share:
    mask, chunks, size = 0, 0, 0
    for part, indexes in objects:
        catalog = part.catalog
        places = places_of(part, indexes)
        mask |= places << catalog.first_object
        chunks |= chunk_places_of(part, indexes) << catalog.first_chunk
        if len(indexes) == len(catalog.objects):
            size += catalog.total_bytes
        else:
            size += sum(catalog.objects[place].size for place in positions(places))
    return Share(objects, mask, chunks, size)


def _overlap(sets: Iterable[int]) -> int:
    """What is in more than one of the bit sets."""
    seen = twice = 0
    for each in sets:
        twice |= seen & each
        seen |= each
    return twice
