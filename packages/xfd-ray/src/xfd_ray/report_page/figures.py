"""Figures that the page derives from a report. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xfd_api.results import DistributionReport, NodeResult
from xfd_api.timeline import Timeline
from xfd_api.traffic import GB


@dataclass(frozen=True, slots=True)
class Alone:
    """What the origin had to send, and would have had to if each node had downloaded by itself.

    Each node would have read from the origin what it received from peers as well. Retries
    and lookups are left out on both sides.

    Attributes:
        bytes, ranges, cost: if each node had downloaded by itself; `cost` is None without prices.
        actual_bytes, actual_ranges, actual_cost: of this run; the cost has peers' bytes too.
    """

    bytes: int
    ranges: int
    cost: float | None
    actual_bytes: int
    actual_ranges: int
    actual_cost: float | None


def alone(report: DistributionReport) -> Alone:
    """Compares the run with downloads of each node by itself."""
    fetched = sum(node.origin_bytes + node.peer_bytes for node in report.nodes)
    prices = report.traffic.prices
    return Alone(
        bytes=fetched,
        ranges=sum(node.origin_ranges + node.peer_ranges for node in report.nodes),
        cost=None if prices is None else prices.origin_per_gb * fetched / GB,
        actual_bytes=report.origin_bytes,
        actual_ranges=sum(node.origin_ranges for node in report.nodes),
        actual_cost=report.traffic.estimated_cost,
    )


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of a run went, in seconds; the three add up to its whole time.

    Attributes:
        before_s: finding objects, starting workers and taking inventories.
        moving_s: from the first byte that arrived anywhere to the last.
        after_s: verifying, unpacking, syncing and renaming what came last.
    """

    before_s: float
    moving_s: float
    after_s: float


def phases(report: DistributionReport) -> Phases | None:
    """Splits the time; None if nothing moved, or if it is not known when."""
    moved = None if report.timeline is None else report.timeline.transfers
    if moved is None or not moved.start_s:
        return None
    total = report.elapsed_s
    first = min(min(moved.start_s), total)
    last = max(at + took for at, took in zip(moved.start_s, moved.seconds, strict=True))
    last = max(first, min(last, total))
    return Phases(first, last - first, total - last)


def slowest(nodes: Sequence[NodeResult], most: int) -> list[tuple[NodeResult, float | None]]:
    """The nodes that failed and those that took longest, with their time over the median's.

    The ratio is None for a node that is not done.
    """
    done = [node.elapsed_s for node in nodes if node.state == "done"]
    median = statistics.median(done) if done else 0.0
    by_time = sorted(nodes, key=lambda node: (node.state == "done", -node.elapsed_s, node.node))
    return [
        (node, node.elapsed_s / median if node.state == "done" and median else None)
        for node in by_time[:most]
    ]


def failures_by_kind(timeline: Timeline) -> list[tuple[int, str, bool, int]]:
    """Failed orders: node, class of the error, whether the origin was asked, and how often.

    Counts of a thinned timeline are estimates.
    """
    failed = timeline.failures
    rows = zip(failed.node, failed.error, failed.source, strict=True)
    counted = Counter((node, error, source < 0) for node, error, source in rows)
    return [
        (node, error, is_origin, count * failed.every)
        for (node, error, is_origin), count in counted.most_common()
    ]
