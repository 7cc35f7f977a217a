"""The interfaces of a node's data plane, as the packages above it use them.

`xfd_dataplane.Node` implements both. `xfd_api.testing` has an implementation in memory, for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xfd_api.chunks import Catalog, FoundObject
from xfd_api.ids import NodeId, SwarmId
from xfd_api.lookups import Lookup
from xfd_api.node_report import Stall
from xfd_api.orders import Order
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import Inventory, LogEvent, NodeCounters, NodeEvent
from xfd_api.settings import NodeSettings, PeerIdentity, SwarmTicket


class ObjectFinder(Protocol):
    """Finds objects at their origins."""

    def find_objects(
        self, lookups: Sequence[Lookup], stores: ObjectStoreConfigByProfile
    ) -> list[list[FoundObject]]:
        """The objects that each lookup finds, in the order of the lookups; [] for an empty prefix.

        Raises:
            ObjectNotFoundError, AccessDeniedError, OriginUnreachableError, OriginTimeoutError ...
        """
        ...


class PeerAuthority(Protocol):
    """Issues the certificates of one swarm. `xfd_dataplane.peer_authority` has it."""

    def issue(self, node: NodeId) -> PeerIdentity:
        """A new certificate and a new key for a node of the swarm.

        Raises:
            InternalError: the system gives no random numbers.
        """
        ...


class DataPlane(Protocol):
    """One node's data plane. Any method may block; none holds the interpreter lock meanwhile."""

    def serve(self, host: str, ports: tuple[int, int] | None) -> str:
        """Starts the peer server on `host` and a free port, of the range if one is given.

        Args:
            host: an address of this node.
            ports: first and last port of the range; None for any free port.

        Returns:
            Its address, `host:port`.

        Raises:
            PeerPortError: no port of the range is free, or the host is not this node's.
        """
        ...

    def reconfigure(self, settings: NodeSettings) -> None:
        """Changes slots, uploads, memory and rates while the node runs.

        `xfd_api.settings.RECONFIGURABLE` names what can change. Running orders go on, also if there
        are fewer slots than before.

        Raises:
            InvalidRequestError: another setting differs; nothing is changed then.
        """
        ...

    def join(self, ticket: SwarmTicket) -> None:
        """Enters a swarm, with an empty catalog."""
        ...

    def extend(
        self, swarm: SwarmId, catalog: Catalog, stores: ObjectStoreConfigByProfile
    ) -> Inventory:
        """Adds objects and chunks to the swarm's catalog, and takes inventory of them.

        `elsewhere` names objects that another process is writing on this disk. Call it again with
        the same objects to take inventory again. Objects that have landed are looked at again too;
        what somebody has removed or changed since is missing then.

        Raises:
            DiskFullError, DestinationNotWritableError, DestinationNotEmptyError: before any byte
                is fetched; the catalog is unchanged then.
        """
        ...

    def submit(self, swarm: SwarmId, orders: Sequence[Order]) -> None:
        """Queues orders, and returns at once."""
        ...

    def poll(self, swarm: SwarmId, timeout_s: float) -> list[NodeEvent]:
        """The events since the last poll; waits up to `timeout_s` seconds for the first.

        Each event is returned once. The list is empty after the time-out, and sooner if `stall` or
        what is done with the files has changed.
        """
        ...

    def leave(self, swarm: SwarmId) -> None:
        """Ends the swarm on this node: stops orders, removes unkept archives, releases locks.

        Part files and journals of objects that did not land stay for a later run. A part file
        without a verified chunk is removed, and so is all of an object whose landing failed.
        """
        ...

    def counters(self, swarm: SwarmId | None = None) -> NodeCounters:
        """Totals of one swarm, or of the node over all swarms."""
        ...

    def stall(self, swarm: SwarmId | None = None) -> Stall | None:
        """Why no byte arrives in a swarm; without a swarm, why lookups bring nothing.

        None while bytes or answers come, or if none are to.
        """
        ...

    def log_from(self, level: str | None) -> None:
        """Keeps log events of this level and more severe ones for `drain_log`.

        Levels are "error", "warning", "info" and "debug"; None, the initial level, keeps none. The
        data planes of one process share the level and the kept events.
        """
        ...

    def drain_log(self) -> list[LogEvent]:
        """The log events since the last call, oldest first.

        Some thousand events are kept. The event `log_events_dropped` says how many older ones are
        lost.
        """
        ...

    def close(self) -> None:
        """Leaves every swarm and stops the peer server."""
        ...
