"""Makes the report of a lease. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.traffic import Traffic
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_ray.coordinator.lower_bound import bound_with_source
from xfd_ray.coordinator.node_progress import NodeProgress
from xfd_ray.coordinator.rate_meter import observed_rates
from xfd_ray.link_rates import LinkRates
from xfd_scheduler.state.bitset import cells_of, has


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
    objects, here = _results(progress)
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
            _node_result(name, node, here[name], now, roots.get(name, "")) for name, node in nodes
        ),
        objects=objects,
        nodes_lost=tuple(name for name, node in nodes if node.is_lost),
        nodes_joined=tuple(name for name, node in nodes if node.joined_late),
        excluded=progress.excluded,
        timeline=progress.timeline(),
    )


@dataclass(slots=True)
class _Here:
    """What has landed on a node: objects, files among them, and their bytes."""

    objects: int = 0
    files: int = 0
    bytes: int = 0


def _results(progress: LeaseProgress) -> tuple[tuple[ObjectResult, ...], dict[NodeId, _Here]]:
    """The objects' results, and what has landed on each node, in one pass over the objects."""
    size = progress.mask.bit_length()
    here = {name: _Here() for name in progress.nodes}
    landed = [
        (cells_of(node.landed & node.share.mask, size), here[name], not node.is_lost)
        for name, node in progress.nodes.items()
    ]
    cached = [cells_of(node.cached, size) for node in progress.live]
    origin_bytes = progress.origin_bytes_of()
    results = []
    for item in progress.objects.values():
        index = item.index
        nodes_landed = 0
        for cells, of_node, is_live in landed:
            if has(cells, index):
                nodes_landed += is_live
                of_node.objects += 1
                of_node.files += not item.is_directory
                of_node.bytes += item.size
        left_out, left_out_count = progress.left_out_of.get(index, ((), 0))
        results.append(
            ObjectResult(
                key=item.found.key,
                destination=item.destination,
                size=item.size,
                origin_bytes=origin_bytes.get(index, 0),
                nodes_landed=nodes_landed,
                nodes_cached=sum(has(cells, index) for cells in cached),
                error=progress.errors_of.get(index),
                left_out=left_out,
                left_out_count=left_out_count,
            )
        )
    return tuple(results), here


def _node_result(
    name: NodeId, node: NodeProgress, here: _Here, now: float, root: str
) -> NodeResult:
    return NodeResult(
        node=name,
        state="lost" if node.is_lost else "failed" if node.failed else "done",
        elapsed_s=(node.done_at if node.done_at is not None else now) - node.since,
        objects=here.objects,
        files=here.files,
        bytes=here.bytes,
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
