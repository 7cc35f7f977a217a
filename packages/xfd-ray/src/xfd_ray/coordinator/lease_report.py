"""Makes the report of a lease. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.traffic import Traffic
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.lower_bound import bound_with_source
from xfd_ray.coordinator.node_progress import NodeProgress
from xfd_ray.coordinator.rate_meter import observed_rates
from xfd_ray.link_rates import LinkRates


def report_of(
    progress: LeaseProgress,
    now: float,
    *,
    retries: int,
    rates: LinkRates | None,
    traffic: Traffic,
    uncounted_s: float = 0.0,
    roots: Mapping[NodeId, str] = MappingProxyType({}),
) -> DistributionReport:
    """The lease's report, with the nodes' `roots`. Its time ends with the last node's last file."""
    nodes = sorted(progress.nodes.items())
    ends = [node.done_at for node in progress.live if node.done_at is not None]
    elapsed_s = max(ends, default=now) - progress.began
    missing_bytes = sum(progress.bytes_of[index] for index in progress.missing_anywhere)
    held_nowhere = progress.missing_anywhere - progress.held_anywhere
    from_origin = sum(progress.bytes_of[index] for index in held_nowhere)
    missing = [node.missing_bytes for node in progress.live]
    sent = sum(node.peer_bytes for node in progress.live)
    bound, source = bound_with_source(
        missing,
        from_origin,
        min(sent, sum(missing) - from_origin),
        elapsed_s,
        rates,
        observed_rates(
            progress.origin_rate,
            [node.down for _, node in nodes],
            [node.up for _, node in nodes],
        ),
    )
    return DistributionReport(
        elapsed_s=elapsed_s,
        bound_s=bound,
        bound_source=source,
        catalog_bytes=progress.bytes,
        missing_bytes=missing_bytes,
        origin_bytes=sum(node.origin_bytes for _, node in nodes),
        peer_bytes=sum(node.peer_bytes for _, node in nodes),
        cached_bytes=sum(node.cached_bytes for _, node in nodes),
        resumed_bytes=sum(node.resumed_bytes for _, node in nodes),
        shared_bytes=sum(node.shared_bytes for _, node in nodes),
        retries=retries,
        uncounted_s=uncounted_s,
        traffic=traffic,
        nodes=tuple(
            _node_result(progress, name, node, now, roots.get(name, "")) for name, node in nodes
        ),
        objects=_object_results(progress),
        nodes_lost=tuple(name for name, node in nodes if node.is_lost),
        nodes_joined=tuple(name for name, node in nodes if node.joined_late),
        excluded=progress.excluded,
        timeline=progress.timeline(),
    )


def _node_result(
    progress: LeaseProgress, name: NodeId, node: NodeProgress, now: float, root: str
) -> NodeResult:
    landed = node.landed & node.share.mask
    here = [item for item in progress.objects.values() if landed >> item.index & 1]
    return NodeResult(
        node=name,
        state="lost" if node.is_lost else "failed" if node.failed else "done",
        elapsed_s=(node.done_at if node.done_at is not None else now) - node.since,
        objects=len(here),
        files=sum(not item.is_directory for item in here),
        bytes=sum(item.size for item in here),
        origin_bytes=node.origin_bytes,
        peer_bytes=node.peer_bytes,
        served_bytes=node.served_bytes,
        cached_bytes=node.cached_bytes,
        resumed_bytes=node.resumed_bytes,
        shared_bytes=node.shared_bytes,
        joined_late=node.joined_late,
        error=node.error,
        root=root,
        host=node.host,
        origin_ranges=node.origin_ranges,
        peer_ranges=node.peer_ranges,
        retries=node.retries,
    )


def _object_results(progress: LeaseProgress) -> tuple[ObjectResult, ...]:
    return tuple(
        ObjectResult(
            key=item.found.key,
            destination=item.destination,
            size=item.size,
            origin_bytes=progress.origin_bytes_of[index],
            nodes_landed=sum(node.landed >> index & 1 for node in progress.live),
            nodes_cached=sum(node.cached >> index & 1 for node in progress.live),
            error=progress.errors_of.get(index),
            left_out=progress.left_out_of.get(index, ((), 0))[0],
            left_out_count=progress.left_out_of.get(index, ((), 0))[1],
        )
        for index, item in sorted(progress.objects.items())
    )
