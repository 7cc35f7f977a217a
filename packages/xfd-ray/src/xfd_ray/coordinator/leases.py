"""The open leases of one swarm; passes what happens on nodes on to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from xfd_api.errors import XfdError
from xfd_api.hub_files import HubSnapshot
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import Inventory
from xfd_api.traffic import Traffic
from xfd_api.wire_format import event_columns
from xfd_ray.coordinator.lease import Lease
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.telemetry import log_events
from xfd_ray.telemetry.tracing import write_timeline


class Leases:
    """Leases that were not given back, by id. One that is over still counts, for late nodes."""

    def __init__(self, log: Any) -> None:
        self._leases: dict[str, Lease] = {}
        self._log = log

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._leases.values()))

    def add(self, lease: Lease) -> None:
        """Adds a lease that was opened."""
        self._leases[lease.request.id] = lease

    def remove(self, lease: Lease) -> None:
        """Removes a lease that was given back or has expired."""
        self._leases.pop(lease.request.id, None)

    def running(self) -> Iterator[tuple[Lease, LeaseProgress]]:
        """The leases whose objects are found, with their progress."""
        return ((lease, lease.progress) for lease in self if lease.progress is not None)

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory, now: float
    ) -> None:
        """A node took an inventory of these objects."""
        for _, progress in self.running():
            progress.took_inventory(node, objects, inventory, now)

    def linked(self, node: NodeId, snapshots: Sequence[HubSnapshot], now: float) -> None:
        """A node knows these snapshots."""
        for _, progress in self.running():
            progress.linked(node, snapshots, now)

    def not_linked(
        self, node: NodeId, snapshots: Sequence[HubSnapshot], error: XfdError, now: float
    ) -> None:
        """A node cannot link these snapshots."""
        for lease, progress in self.running():
            state = progress.nodes.get(node)
            if state is not None and not state.share.snapshots.isdisjoint(snapshots):
                progress.not_linked(node)
                lease.refuse(node, None, error, now)

    def reported(self, node: NodeId, report: NodeReport, now: float) -> None:
        """A node reported what it has, and what happened."""
        if report.full is not None:
            self.took_inventory(node, report.full.landed, report.full, now)
        events = event_columns(report.events)
        for _, progress in self.running():
            progress.reported(node, events, now)

    def retried(self, node: NodeId, count: int) -> None:
        """A node tried so many requests again."""
        for _, progress in self.running():
            progress.retried(node, count)

    def start_over(self, node: NodeId, error: XfdError, now: float) -> None:
        """A node's worker was lost, and another one follows."""
        for lease, progress in self.running():
            progress.start_over(node)
            if lease.request.on_node_failure == "fail":
                lease.lose(node, error, now)

    def refuse(
        self, node: NodeId, objects: tuple[ObjectIndex, ...] | None, error: XfdError, now: float
    ) -> None:
        """Objects (None: all) cannot land on a node, although the node is alive."""
        for lease in self:
            lease.refuse(node, objects, error, now)

    def lose(self, node: NodeId, error: XfdError, now: float) -> None:
        """A node is gone for good."""
        for lease in self:
            lease.lose(node, error, now)

    def fail(self, error: XfdError) -> None:
        """Fails all leases that are not over."""
        for lease in self:
            lease.fail(error)

    def settle(
        self,
        now: float,
        retries: int,
        traffic: Callable[[], Traffic],
        roots: Mapping[NodeId, str],
    ) -> None:
        """Ends the leases whose nodes are all done."""
        for lease in self:
            if lease.settle(now, retries, traffic, roots):
                name, error = lease.request.id, lease.error
                if error is None:
                    self._log.emit(log_events.LEASE_DONE, lease=name)
                    if lease.report is not None:
                        write_timeline(name, lease.report)
                else:
                    self._log.emit(log_events.LEASE_FAILED, lease=name, error=str(error))
