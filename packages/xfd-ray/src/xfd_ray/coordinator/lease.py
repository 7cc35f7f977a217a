"""One lease in the coordinator: what it wants, how far it is, when it was renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from xfd_api.chunks import FoundObject
from xfd_api.errors import NodeLostError, RuntimeEnvError, VersionMismatchError, XfdError
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.node_names import node_name
from xfd_api.results import DistributionReport
from xfd_api.traffic import Traffic
from xfd_ray.coordinator.lease_objects import LeaseObjects, Share, Shares
from xfd_ray.coordinator.lease_outcomes import failed_everywhere, lost_everywhere
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.lease_report import report_of
from xfd_ray.coordinator.lease_summary import summary_of
from xfd_ray.coordinator.node_activity import NodeActivity
from xfd_ray.coordinator.part_items import chunks_of, objects_of
from xfd_ray.coordinator.resumed_lease import carry_over
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus
from xfd_ray.placement import NodeInfo


class Lease:
    """A lease is over when it is done or has failed. It still holds its nodes and objects until it
    is given back or expires.

    Attributes:
        began: when its driver asked for it first.
        uncounted_s: how long after that nothing was counted, because the coordinator was lost.
        renewed: when its driver was last heard of, by the coordinator's running clock.
        found: what the lookups found. `found`, `wanted` and `progress` are None until then.
        lookup: the task that finds the objects.
        waits_for: what keeps the lookup from ending, if something does.
        rate_limit: until when the origin rests, and how a status says it; None for never.
        activities: what the nodes of its swarm last reported.
        earlier: the expired lease that this one continues.
    """

    def __init__(
        self, request: LeaseRequest, now: float, running_now: float, earlier: Lease | None = None
    ) -> None:
        self.request = request
        self.began: float = now - request.running_s if earlier is None else earlier.began
        self.uncounted_s: float = request.running_s if earlier is None else earlier.uncounted_s
        self.renewed = running_now
        self.earlier = earlier
        self.found: Sequence[Sequence[FoundObject]] | None = None
        if earlier is not None:
            self.found = earlier.found
        self.wanted: LeaseObjects | None = None
        self._shares: Shares | None = None
        self.progress: LeaseProgress | None = None
        self.retries: int = 0 if earlier is None else earlier.retries
        self.traffic: Traffic = Traffic() if earlier is None else earlier.traffic
        self._retries_before = 0
        self._traffic_before = Traffic()
        self.report: DistributionReport | None = None
        self.error: XfdError | None = None
        self.over = asyncio.Event()
        self.waits_for: str | None = None
        self.rate_limit: tuple[float, str] | None = None
        self.lookup: asyncio.Task[None] | None = None
        self.activities: Mapping[NodeId, NodeActivity] = {}

    @property
    def state(self) -> LeaseState:
        """Where the lease stands."""
        if self.error is not None:
            return LeaseState.FAILED
        return LeaseState.RUNNING if self.report is None else LeaseState.DONE

    def status(self, now: float) -> LeaseStatus:
        """The lease's status, for its driver."""
        waits_for = self._waits_for(now)
        progress = None
        if self.progress is not None:
            progress = summary_of(self.progress, now, self.activities)
            progress = replace(progress, waits_for=waits_for)
        return LeaseStatus(self.state, progress, self.report, self.error, waits_for)

    def _waits_for(self, now: float) -> str | None:
        if self.waits_for is not None or self.over.is_set():
            return self.waits_for
        if self.progress is None:
            failures = (each.lookup_failure for each in self.activities.values())
            failure = next(filter(None, failures), None)
            if failure is None:
                return None
            return f"an answer to its lookups: {failure[:1].lower()}{failure[1:]}"
        for name, node in self.progress.nodes.items():
            for index, writer in node.locked_by.items():
                if writer is None:
                    place = self.progress.objects[index].destination
                    where = node_name(name, node.host)
                    return f"another process on node {where}, which writes {place}"
        if self.rate_limit is not None and now < self.rate_limit[0]:
            return self.rate_limit[1]
        return None

    def start(self, wanted: LeaseObjects, retries: int, traffic: Traffic) -> LeaseProgress:
        """Starts to count, once the objects are found.

        Args:
            wanted: the lease's objects.
            retries: of the swarm so far.
            traffic: of the swarm so far.

        Returns:
            The lease's progress; it continues that of an earlier lease.
        """
        self.wanted = wanted
        self._retries_before = retries
        self._traffic_before = traffic
        self._shares = Shares(wanted)
        self.progress = new_progress(wanted, began=self.began, whole=self._shares.whole)
        if self.earlier is not None and self.earlier.progress is not None:
            carry_over(self.earlier.progress, self.progress)
        self.earlier = None
        return self.progress

    def share_of(self, node: NodeInfo) -> Share | None:
        """What a node gets; None for nothing, and before the objects are found."""
        return None if self._shares is None else self._shares.of(node)

    def count(self, retries: int, traffic: Traffic) -> None:
        """Adds what the swarm has retried and moved since the last call to the lease's totals."""
        if self.progress is not None:
            self.retries += max(0, retries - self._retries_before)
            self.traffic = self.traffic.plus(traffic.since(self._traffic_before))
            self._retries_before, self._traffic_before = retries, traffic

    def fail(self, error: XfdError) -> None:
        """Ends the lease with an error, unless it is over."""
        if not self.over.is_set():
            self.error = error
            self.over.set()

    def lose(self, node: NodeId, error: XfdError, now: float) -> None:
        """A node is gone, which may be one of the lease's."""
        if self.progress is None:
            return
        progress = self.progress.nodes.get(node)
        if progress is None or progress.is_lost:
            return
        self.progress.lost(node, error, now)
        if self.request.on_node_failure == "fail" or lost_everywhere(self.progress):
            self.fail(error if isinstance(error, NodeLostError) else _lost(node, error))

    def refuse(
        self, node: NodeId, objects: tuple[ObjectIndex, ...] | None, error: XfdError, now: float
    ) -> None:
        """Objects (None: all) cannot land on a node, although the node is alive."""
        if self.progress is None or node not in self.progress.nodes:
            return
        affected = tuple(self.progress.objects) if objects is None else objects
        if not self.progress.failed(node, affected, error, now):
            return
        everywhere = failed_everywhere(self.progress)
        is_packages = isinstance(error, (VersionMismatchError, RuntimeEnvError))
        if is_packages or self.request.on_node_failure == "fail":
            self.fail(error)
        elif everywhere is not None:
            self.fail(everywhere)

    def settle(
        self,
        now: float,
        retries: int,
        traffic: Callable[[], Traffic],
        roots: Mapping[NodeId, str],
    ) -> bool:
        """Ends the lease if every node is done; returns whether it did."""
        if self.over.is_set() or self.progress is None or not self.progress.is_done:
            return False
        failed = [node.error for node in self.progress.live if node.failed and node.error]
        if failed:
            self.fail(failed[0])
            return True
        self.count(retries, traffic())
        self.report = report_of(
            self.progress,
            now,
            retries=self.retries,
            traffic=self.traffic.at(self.request.prices),
            rates=self.request.rates,
            uncounted_s=self.uncounted_s,
            roots=roots,
        )
        self.over.set()
        return True


def new_progress(
    wanted: LeaseObjects, *, began: float, whole: Share | None = None
) -> LeaseProgress:
    """The progress of a lease that has nothing yet; `whole` is the share of a node with all."""
    return LeaseProgress(
        objects_of(wanted.objects),
        chunks_of(wanted.objects),
        began=began,
        excluded=wanted.excluded,
        snapshots=wanted.snapshots,
        whole=whole,
    )


def _lost(node: NodeId, error: XfdError) -> NodeLostError:
    return NodeLostError(f"The node was lost: {error.what}", node=node)
