"""The objects that one lease requests, and which of its nodes get them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xfd_api.catalog import Selectors, SelectorsOf, catalog_for_nodes, snapshots_for
from xfd_api.chunks import Catalog, CatalogObject, FoundObject
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId
from xfd_api.lookups import Lookup
from xfd_api.node_selector import NodeSelector
from xfd_ray.placement import NodeInfo, may_meet
from xfd_ray.request_nodes import for_nodes


@dataclass(frozen=True, slots=True)
class Requested:
    """The objects of one lease, before they are added.

    Attributes:
        catalog: the objects, with indexes after those that are taken.
        everywhere: the selectors of what all nodes of the lease get.
        selectors: of the nodes that get each object; empty if all nodes get all.
        snapshots_by: see `LeaseObjects`.
        live: the live nodes, to tell whether two selectors select one of them.
    """

    catalog: Catalog
    everywhere: Selectors
    selectors: SelectorsOf
    snapshots_by: Mapping[NodeSelector, tuple[HubSnapshot, ...]]
    live: Mapping[NodeId, NodeInfo]

    def selectors_of(self, item: CatalogObject) -> Selectors:
        """The selectors of the nodes that get one of the objects."""
        return self.selectors.get(item.index, self.everywhere)


def requested_objects(
    lookups: Sequence[Lookup],
    found: Sequence[Sequence[FoundObject]],
    nodes: NodeSelector,
    live: Mapping[NodeId, NodeInfo],
    **options: Any,
) -> Requested:
    """The objects that the lookups found.

    Args:
        lookups: of the lease.
        found: what they found.
        nodes: what the lease selects.
        live: the live nodes.
        options: see `build_catalog`.

    Raises:
        XfdError: see `build_catalog`.
    """
    differ = any(lookup.nodes is not None for lookup in lookups)
    if differ:
        selectors = for_nodes(lookups, nodes)
        lookups = [
            replace(lookup, nodes=selector)
            for lookup, selector in zip(lookups, selectors, strict=True)
        ]
    catalog, selectors_of = catalog_for_nodes(
        lookups, found, meet=lambda one, two: may_meet(one, two, live), **options
    )
    snapshots_by = {nodes: catalog.snapshots} if catalog.snapshots else {}
    if snapshots_by and differ:
        snapshots_by = _snapshots_by(lookups, found)
    return Requested(catalog, frozenset((nodes,)), selectors_of, snapshots_by, live)


def _snapshots_by(
    lookups: Sequence[Lookup], found: Sequence[Sequence[FoundObject]]
) -> dict[NodeSelector, tuple[HubSnapshot, ...]]:
    made = {}
    for selector in dict.fromkeys(lookup.nodes for lookup in lookups):
        pairs = [each for each in zip(lookups, found, strict=True) if each[0].nodes == selector]
        snapshots = snapshots_for(
            [lookup for lookup, _ in pairs], [answers for _, answers in pairs]
        )
        if selector is not None and snapshots:
            made[selector] = snapshots
    return made
