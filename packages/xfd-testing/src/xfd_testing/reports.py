"""Small reports to save, format and draw."""

from __future__ import annotations

from typing import Any

from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport, NodeResult, ObjectResult
from xfd_api.timeline import Failures, Landings, NodeTimes, Timeline, Transfers

MIB = 2**20


def node(name: str, **changed: Any) -> NodeResult:
    """A node that has received 8 MiB."""
    given = {
        "node": NodeId(name),
        "state": "done",
        "elapsed_s": 1.5,
        "objects": 1,
        "files": 1,
        "bytes": 8 * MIB,
        "origin_bytes": 4 * MIB,
        "peer_bytes": 4 * MIB,
        "served_bytes": 4 * MIB,
        "cached_bytes": 0,
        "origin_ranges": 1,
        "peer_ranges": 1,
    }
    return NodeResult(**{**given, **changed})


def small_report(**changed: Any) -> DistributionReport:
    """Two nodes that have read a chunk each from the origin, and sent it to the other."""
    nodes = (node("a" * 56, host="gpu-17"), node("b" * 56, host="gpu-18"))
    given = {
        "elapsed_s": 2.0,
        "bound_s": 1.5,
        "bound_source": "observed",
        "catalog_bytes": 8 * MIB,
        "missing_bytes": 8 * MIB,
        "origin_bytes": 8 * MIB,
        "peer_bytes": 8 * MIB,
        "cached_bytes": 0,
        "retries": 1,
        "nodes": nodes,
        "objects": (ObjectResult("models/a.bin", "/data/a.bin", 8 * MIB, 8 * MIB, 2, 0),),
        "timeline": Timeline(
            nodes=tuple(each.node for each in nodes),
            chunks=2,
            times=NodeTimes((0.0, 0.0), (2.0, 1.9)),
            transfers=Transfers(
                node=(0, 1, 0, 1),
                chunk=(0, 1, 1, 0),
                object=(0, 0, 0, 0),
                source=(-1, -1, 1, 0),
                start_s=(0.2, 0.2, 1.0, 1.0),
                seconds=(0.7, 0.7, 0.8, 0.9),
                waited_s=(0.1, 0.1, 0.2, 0.2),
                bytes=(4 * MIB,) * 4,
                total=4,
            ),
            landings=Landings((0, 1), (0, 0), (2.0, 1.9), total=2),
            failures=Failures((1,), (1,), (-1,), (0.15,), ("OriginThrottledError",), total=1),
        ),
    }
    return DistributionReport(**{**given, **changed})
