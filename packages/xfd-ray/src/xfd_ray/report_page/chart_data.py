"""What the page's scripts draw, as JSON of bounded size."""

from __future__ import annotations

from typing import Any

from xfd_api.node_names import node_name
from xfd_api.results import DistributionReport
from xfd_api.sanitize import sanitized

MOST_KEYS = 400
"""Objects whose keys the page can show beside a transfer; other objects are numbers."""

LONGEST_NAME = 120


def chart_data(report: DistributionReport) -> dict[str, Any] | None:
    """Columns of transfers, landings and failures, and names; None without a timeline."""
    timeline = report.timeline
    if timeline is None:
        return None
    hosts = {node.node: node.host for node in report.nodes}
    moved, failed = timeline.transfers, timeline.failures
    return {
        "elapsed": report.elapsed_s,
        "bound": report.bound_s,
        "chunks": timeline.chunks,
        "names": [shown(node_name(node, hosts.get(node, ""))) for node in timeline.nodes],
        "done": timeline.times.done_s,
        "joined": timeline.times.joined_s,
        "keys": [shown(item.key) for item in report.objects[:MOST_KEYS]],
        "total": moved.total,
        "node": moved.node,
        "chunk": moved.chunk,
        "object": moved.object,
        "source": moved.source,
        "start": moved.start_s,
        "seconds": moved.seconds,
        "waited": moved.waited_s,
        "bytes": moved.bytes,
        "every": moved.every,
        "failed": {"node": failed.node, "at": failed.at_s, "error": failed.error},
    }


def shown(text: str) -> str:
    """A stranger's text, fit to be shown, and not longer than a line."""
    text = sanitized(text)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
