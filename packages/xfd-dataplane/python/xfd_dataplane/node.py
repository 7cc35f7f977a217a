"""One node's data plane: the native one, and the links of its hub cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.ids import NodeId, ObjectIndex, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import Stall
from xfd_api.orders import Order
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import Inventory, LogEvent, NodeCounters, NodeEvent
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_dataplane._native import Node as NativeNode
from xfd_dataplane.finding import find_objects
from xfd_dataplane.hub.placing import HubFolder
from xfd_dataplane.hub.swarm_links import SwarmLinks


class Node:
    """A `DataPlane` and `ObjectFinder`; see `xfd_api.ports`.

    Args:
        node_id: the id of this node.
        settings: with their root and hub cache, see `NodeSettings.rooted`.

    Raises:
        XfdError: the node cannot be started.
    """

    def __init__(self, node_id: NodeId, settings: NodeSettings) -> None:
        self.native = NativeNode(node_id, settings)
        self._folder = HubFolder(Path(settings.hub_cache))
        self._links: dict[SwarmId, SwarmLinks] = {}

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """See `ObjectFinder`."""
        return find_objects(self.native, lookups, stores)

    def serve(self, host: str, ports: tuple[int, int] | None) -> str:
        """See `DataPlane`."""
        return self.native.serve(host, ports)

    def reconfigure(self, settings: NodeSettings) -> None:
        """See `DataPlane`."""
        self.native.reconfigure(settings)

    def join(self, ticket: SwarmTicket) -> None:
        """See `DataPlane`."""
        self.native.join(ticket)
        self._links[ticket.swarm] = SwarmLinks(self._folder)

    def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """See `DataPlane`. Makes the links of what is in the hub cache."""
        links = self._links.get(swarm)
        added = links.check(catalog) if links is not None else []
        inventory = self.native.extend(swarm, catalog, stores)
        if links is not None:
            links.extend(catalog, added, inventory.landed)
        return inventory

    def survey(self, swarm: SwarmId, catalog: Catalog) -> list[tuple[ObjectIndex, int, bool]]:
        """Of each object its index, its bytes on the disk, and whether it has landed.

        Changes nothing on the disk.
        """
        return self.native.survey(swarm, catalog)

    def submit(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        """See `DataPlane`."""
        self.native.submit(swarm, orders)

    def poll(self, swarm: SwarmId, timeout_s: float) -> list[NodeEvent]:
        """See `DataPlane`."""
        events = self.native.poll(swarm, timeout_s)
        links = self._links.get(swarm)
        return events if links is None else links.with_links(events)

    def leave(self, swarm: SwarmId) -> None:
        """See `DataPlane`."""
        self._links.pop(swarm, None)
        self.native.leave(swarm)

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:
        """See `DataPlane`."""
        return self.native.counters(swarm)

    def stall(self, swarm: SwarmId) -> Stall | None:
        """See `DataPlane`."""
        return self.native.stall(swarm)

    def log_from(self, level: str | None) -> None:
        """See `DataPlane`."""
        self.native.log_from(level)

    def drain_log(self) -> list[LogEvent]:
        """See `DataPlane`."""
        return self.native.drain_log()

    def close(self) -> None:
        """See `DataPlane`."""
        self.native.close()
