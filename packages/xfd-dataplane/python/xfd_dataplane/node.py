"""One node's data plane: the native one, the links of its hub cache, and the index of its cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

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

LEVELS: Final = ("debug", "info", "warning", "error")
"""The levels of events, the lowest first."""

if TYPE_CHECKING:
    from xfd_dataplane.cache.swarm_use import SwarmUse


class Node:
    """A `DataPlane` and `ObjectFinder`; see `xfd_api.ports`.

    While a swarm is joined, nothing removes its destinations. When it is left, the node's cache is
    held to its quota and age.

    Args:
        node_id: the id of this node.
        settings: with their root and hub cache, see `NodeSettings.rooted`.

    Raises:
        XfdError: the node cannot be started.
    """

    def __init__(self, node_id: NodeId, settings: NodeSettings) -> None:
        self.native = NativeNode(node_id, settings)
        self._folder = HubFolder(Path(settings.hub_cache))
        self._settings = settings
        self._links: dict[SwarmId, SwarmLinks] = {}
        self._uses: dict[SwarmId, SwarmUse] = {}
        self._events: list[LogEvent] = []
        self._level: str | None = None

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
        self._settings = settings

    def join(self, ticket: SwarmTicket) -> None:
        """See `DataPlane`."""
        self.native.join(ticket)
        self._links[ticket.swarm] = SwarmLinks(self._folder)
        # Imported here: a node that only finds or lists objects needs no database.
        from xfd_dataplane.cache.node_cache import NodeCache
        from xfd_dataplane.cache.swarm_use import SwarmUse

        self._uses[ticket.swarm] = SwarmUse(NodeCache.of(self._settings), self._log)

    def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """See `DataPlane`. Makes the links of what is in the hub cache."""
        links, use = self._links.get(swarm), self._uses.get(swarm)
        if use is not None:
            use.begin(catalog, stores)
        added = links.check(catalog) if links is not None else []
        find_twins = None if use is None else use.find_twins
        inventory = self.native.extend(swarm, catalog, stores, find_twins)
        if links is not None:
            links.extend(catalog, added, inventory.landed)
        if use is not None:
            use.found(inventory.landed)
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
        links, use = self._links.get(swarm), self._uses.get(swarm)
        if links is not None:
            events = links.with_links(events)
        if use is not None:
            use.handle(events)
        return events

    def leave(self, swarm: SwarmId) -> None:
        """See `DataPlane`."""
        self._links.pop(swarm, None)
        self.native.leave(swarm)
        use = self._uses.pop(swarm, None)
        if use is not None:
            use.end(self._settings)

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:
        """See `DataPlane`."""
        return self.native.counters(swarm)

    def stall(self, swarm: SwarmId | None = None) -> Stall | None:
        """See `DataPlane`."""
        return self.native.stall(swarm)

    def log_from(self, level: str | None) -> None:
        """See `DataPlane`."""
        self.native.log_from(level)
        self._level = level

    def drain_log(self) -> list[LogEvent]:
        """See `DataPlane`."""
        own, self._events = self._events, []
        return [*self.native.drain_log(), *own]

    def _log(self, event: LogEvent) -> None:
        if self._level is not None and LEVELS.index(event.level) >= LEVELS.index(self._level):
            self._events.append(event)

    def close(self) -> None:
        """See `DataPlane`."""
        for swarm in list(self._uses):
            self._uses.pop(swarm).end(self._settings)
        self.native.close()
