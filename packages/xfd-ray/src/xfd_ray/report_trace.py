"""A report's time line as a trace for Perfetto and `chrome://tracing`. Pure.

The form is the JSON of the Trace Event Format, which Google publishes at
<https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>. Each node is a
process. Its transfers are complete events (`X`) in as many threads as overlap, because slices of
one thread may only nest. Failures and landings are instants (`i`), sums are counters (`C`), and
names are metadata (`M`). Times are in microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xfd_api.node_names import node_name
from xfd_api.results import DistributionReport
from xfd_api.sanitize import sanitized
from xfd_api.timeline import FROM_ORIGIN, Timeline

CLUSTER = 0
"""The process of what concerns all nodes; the node at a place of the timeline is one more."""

_US = 1_000_000
_LANDINGS = 1
"""The thread of a node's landings and failures; its transfers are in the threads after it."""


def chrome_trace(report: DistributionReport) -> dict[str, Any]:
    """The trace, as a value for `json.dump`. A report without a timeline has an empty one.

    Args:
        report: what a distribution did.

    Example:
        >>> from xfd_api import DistributionReport
        >>> report = DistributionReport(2.0, 1.5, "observed", 8, 8, 8, 24, 0, 0, (), ())
        >>> [event["name"] for event in chrome_trace(report)["traceEvents"]]
        ['process_name', 'distribution', 'bound']
    """
    events = [_named(CLUSTER, "process_name", "all nodes")]
    events.append(_slice(CLUSTER, 1, "distribution", 0.0, report.elapsed_s, _totals(report)))
    if report.bound_s is not None:
        events.append(_slice(CLUSTER, 2, "bound", 0.0, report.bound_s, {}))
    if report.timeline is not None:
        events += _nodes(report, report.timeline)
        events += _transfers(report, report.timeline)
        events += _instants(report, report.timeline)
        events += _counters(report.timeline)
    return {"displayTimeUnit": "ms", "traceEvents": events}


def _totals(report: DistributionReport) -> dict[str, Any]:
    return {
        "origin_bytes": report.origin_bytes,
        "peer_bytes": report.peer_bytes,
        "missing_bytes": report.missing_bytes,
        "retries": report.retries,
    }


def _nodes(report: DistributionReport, timeline: Timeline) -> Iterator[dict[str, Any]]:
    hosts = {node.node: node.host for node in report.nodes}
    for place, node in enumerate(timeline.nodes):
        process = place + 1
        name = sanitized(node_name(node, hosts.get(node, "")))
        yield _named(process, "process_name", name)
        yield _metadata(process, "process_sort_index", {"sort_index": process})
        yield _named(process, "thread_name", "landings and failures", thread=_LANDINGS)


def _transfers(report: DistributionReport, timeline: Timeline) -> Iterator[dict[str, Any]]:
    moved = timeline.transfers
    lane_of = lanes(moved.node, moved.start_s, moved.seconds)
    hosts = {node.node: node.host for node in report.nodes}
    names = [sanitized(node_name(node, hosts.get(node, ""))) for node in timeline.nodes]
    for k, lane in enumerate(lane_of):
        source = moved.source[k]
        arguments = {
            "source": "origin" if source == FROM_ORIGIN else names[source],
            "bytes": moved.bytes[k],
            "chunk": moved.chunk[k],
            "object": sanitized(report.objects[moved.object[k]].key),
            "waited_s": moved.waited_s[k],
        }
        name = "from the origin" if source == FROM_ORIGIN else "from a peer"
        thread = _LANDINGS + 1 + lane
        yield _slice(moved.node[k] + 1, thread, name, moved.start_s[k], moved.seconds[k], arguments)


def _instants(report: DistributionReport, timeline: Timeline) -> Iterator[dict[str, Any]]:
    landed, failed = timeline.landings, timeline.failures
    for node, item, at in zip(landed.node, landed.object, landed.at_s, strict=True):
        key = sanitized(report.objects[item].key)
        yield _instant(node + 1, "landed", at, {"object": key})
    for node, chunk, at, error in zip(
        failed.node, failed.chunk, failed.at_s, failed.error, strict=True
    ):
        yield _instant(node + 1, sanitized(error), at, {"chunk": chunk})


def _counters(timeline: Timeline) -> Iterator[dict[str, Any]]:
    moved = timeline.transfers
    ends = sorted(
        (start + took, source == FROM_ORIGIN, size * moved.every)
        for start, took, source, size in zip(
            moved.start_s, moved.seconds, moved.source, moved.bytes, strict=True
        )
    )
    sums = {"origin": 0, "peers": 0}
    for at, is_origin, size in ends:
        sums["origin" if is_origin else "peers"] += size
        yield _counter("bytes received", at, dict(sums))
    done = sorted(at for at in timeline.times.done_s if at is not None)
    for count, at in enumerate(done, start=1):
        yield _counter("nodes done", at, {"nodes": count})


def lanes(
    nodes: tuple[int, ...], starts: tuple[float, ...], seconds: tuple[float, ...]
) -> list[int]:
    """For each slice the lowest lane of its node that no earlier slice occupies by then.

    Example:
        >>> lanes((0, 0, 1, 0), (0.0, 1.0, 1.0, 2.0), (2.0, 2.0, 2.0, 1.0))
        [0, 1, 0, 0]
    """
    lane_of = [0] * len(nodes)
    ends: dict[int, list[int]] = {}
    for k in sorted(range(len(nodes)), key=starts.__getitem__):
        mine = ends.setdefault(nodes[k], [])
        # In whole microseconds, as the trace has them: two roundings must not make an overlap.
        start, end = _us(starts[k]), _us(starts[k]) + _us(seconds[k])
        lane = next((place for place, until in enumerate(mine) if until <= start), len(mine))
        mine[lane : lane + 1] = [end]
        lane_of[k] = lane
    return lane_of


def _slice(
    process: int, thread: int, name: str, start: float, seconds: float, arguments: dict[str, Any]
) -> dict[str, Any]:
    event = _event("X", process, thread, name, start, arguments)
    return {**event, "dur": _us(seconds)}


def _instant(process: int, name: str, at: float, arguments: dict[str, Any]) -> dict[str, Any]:
    return {**_event("i", process, _LANDINGS, name, at, arguments), "s": "t"}


def _counter(name: str, at: float, values: dict[str, int]) -> dict[str, Any]:
    return _event("C", CLUSTER, 0, name, at, values)


def _event(
    phase: str, process: int, thread: int, name: str, at: float, arguments: dict[str, Any]
) -> dict[str, Any]:
    return {
        "ph": phase,
        "pid": process,
        "tid": thread,
        "name": name,
        "cat": "xfd",
        "ts": _us(at),
        "args": arguments,
    }


def _named(process: int, kind: str, name: str, thread: int = 0) -> dict[str, Any]:
    return _metadata(process, kind, {"name": name}, thread)


def _metadata(
    process: int, kind: str, arguments: dict[str, Any], thread: int = 0
) -> dict[str, Any]:
    return {"ph": "M", "pid": process, "tid": thread, "name": kind, "args": arguments}


def _us(seconds: float) -> int:
    return round(seconds * _US)
