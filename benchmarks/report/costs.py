"""What a report with a time line costs the coordinator, the driver and who looks at it."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.reports import ChunkHeld
from xfd_api.results import DistributionReport
from xfd_api.timeline_recorder import TimelineRecorder
from xfd_ray.report_page import report_page
from xfd_ray.report_trace import chrome_trace
from xfd_testing.reports import node, small_report

MIB = 2**20
ROUNDS = 5


def costs(nodes: int, chunks: int) -> dict[str, float]:
    """The figures of a run in which each node receives each chunk, at 8 MiB a chunk.

    Returns:
        Processor time in microseconds per transfer and milliseconds per report; sizes in kilobytes.
    """
    names = [NodeId(f"{k:056x}") for k in range(nodes)]
    events = [
        ChunkHeld(OrderId(0), ChunkIndex(chunk), 1, None, 8 * MIB, 0.5, 0.4)
        for chunk in range(chunks)
    ]

    def record() -> TimelineRecorder:
        recorder = TimelineRecorder(0.0)
        for k, event in enumerate(events):
            for name in names:
                recorder.held(name, event, 8 * MIB, 1.0 + k / 100)
        return recorder

    spent, recorder = _quickest(record)
    took, timeline = _quickest(
        lambda: recorder.timeline(
            dict.fromkeys(names, (0.0, 1.0 + chunks / 100)),
            {ChunkIndex(chunk): ObjectIndex(0) for chunk in range(chunks)},
            [ObjectIndex(0)],
        )
    )
    report = small_report(
        elapsed_s=1.0 + chunks / 100,
        nodes=tuple(node(name, host=f"host-{k}") for k, name in enumerate(names)),
        timeline=timeline,
    )
    paged, page = _quickest(lambda: report_page(report))
    traced, _ = _quickest(lambda: chrome_trace(report))
    read, _ = _quickest(lambda: DistributionReport.from_json(report.to_json()))
    return {
        "us per transfer": spent / (nodes * chunks) * 1e6,
        "ms for the time line": took * 1e3,
        "kB to the driver": (len(pickle.dumps(report)) - len(pickle.dumps(_bare(report)))) / 1e3,
        "kB of JSON": len(report.to_json()) / 1e3,
        "ms to write and read JSON": read * 1e3,
        "kB of the page": len(page.encode()) / 1e3,
        "ms for the page": paged * 1e3,
        "ms for the trace": traced * 1e3,
    }


def _bare(report: DistributionReport) -> DistributionReport:
    return small_report(nodes=report.nodes, timeline=None)


def _quickest(work: Callable[[], Any]) -> tuple[float, Any]:
    """The least processor time of some rounds, in seconds, and what the last one returned."""
    least, result = float("inf"), None
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        least = min(least, time.process_time() - began)
    return least, result
