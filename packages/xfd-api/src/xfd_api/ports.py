"""The doors between the parts: what each side may ask of the other, and nothing else.

`xfd_dataplane.Node` is a `DataPlane`; `xfd_api.testing` has one in memory for tests of the parts
above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.ids import SwarmId
from xfd_api.lookups import Lookup
from xfd_api.orders import Order
from xfd_api.reports import Inventory, LogEvent, NodeCounters, NodeEvent
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_api.stores import ObjectStoreConfigByProfile


class ObjectFinder(Protocol):
    """Asks origins what they have."""

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """The answers to the lookups, in their order. An empty list: nothing under a prefix.

        Raises:
            ObjectNotFoundError, AccessDeniedError, OriginUnreachableError, OriginTimeoutError ...
        """
        ...


class DataPlane(Protocol):
    """One node's hands. Every method may block, none holds the interpreter lock while it does."""

    def serve(self, host: str, ports: tuple[int, int] | None) -> str:
        """Starts the peer server on `host` and a free port (of the range, both ends included).

        Returns its address, `host:port`.

        Raises:
            PeerPortError: no port of the range is free, or the host is not this node's.
        """
        ...

    def reconfigure(self, settings: NodeSettings) -> None:
        """Works by other settings from now on; what is under way goes on.

        Slots, uploads, memory and rates can be changed while the node runs, see
        `xfd_api.settings.RECONFIGURABLE`. Where there are fewer slots than before, none of the
        orders that run is ended for that.

        Raises:
            InvalidRequestError: they differ in something else; nothing is changed then.
        """
        ...

    def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm, with an empty catalog."""
        ...

    def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """Adds objects and chunks to the swarm's catalog and looks what is here already.

        Objects that another writer of this disk is busy with come back in `elsewhere`; extend
        again with the same objects to look again.

        Raises:
            DiskFullError, DestinationNotWritableError, DestinationNotEmptyError: before a byte
                is fetched; the catalog is then as before.
        """
        ...

    def submit(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        """Hands over orders; returns at once."""
        ...

    def poll(self, swarm: SwarmId, timeout_s: float) -> list[NodeEvent]:
        """What happened since the last poll; waits up to `timeout_s` for the first event.

        An event is never delivered twice. Empty after the time-out.
        """
        ...

    def leave(self, swarm: SwarmId) -> None:
        """Ends the swarm here: orders stop, archives that are not kept are removed, locks go.

        Part files and journals of what did not land stay, for a later run; a part file without
        one verified chunk is removed. Objects whose landing failed leave nothing.
        """
        ...

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:
        """Totals of one swarm, or of the node over all swarms."""
        ...

    def log_from(self, level: str | None) -> None:
        """Keeps log events of this level and worse ones for `drain_log`: "error", "warning", "info"
        or "debug"; None keeps none, which is how it begins.

        The data planes of one process share this and what they keep.
        """
        ...

    def drain_log(self) -> list[LogEvent]:
        """What was logged since the last call, oldest first.

        Some thousand events are kept; of older ones only how many there were, as the event
        `log_events_dropped`.
        """
        ...

    def close(self) -> None:
        """Leaves every swarm and stops the peer server."""
        ...
