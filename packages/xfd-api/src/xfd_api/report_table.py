"""A `DistributionReport` as a small HTML table, for notebooks. Everything in it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xfd_api.chunks import MIB
from xfd_api.node_names import node_name
from xfd_api.node_result import NodeResult
from xfd_api.sanitize import sanitized

MOST_ROWS = 20
"""Nodes that the table shows; of more it shows those that failed and the slowest."""

_COLUMNS = ("node", "state", "s", "MiB", "from the origin", "from peers", "cached", "sent")


def report_table(headline: str, nodes: Sequence[NodeResult]) -> str:
    """The report as HTML: a line of figures, and a row per node.

    Args:
        headline: the line, as text.
        nodes: the results of all nodes.
    """
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    shown = sorted(nodes, key=lambda node: (node.state == "done", -node.elapsed_s))
    rows = "".join(_row(node) for node in shown[:MOST_ROWS])
    more = len(nodes) - MOST_ROWS
    rest = f"<p>The {MOST_ROWS} slowest; {more} other nodes were faster.</p>" if more > 0 else ""
    return (
        f"<div><p><b>{escape(headline)}</b></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}</div>"
    )


def _row(node: NodeResult) -> str:
    state = f"{node.state}, late" if node.joined_late else node.state
    if node.error is not None:
        state = f"{state}: {node.error.what}"
    numbers = (
        f"{node.elapsed_s:.2f}",
        *(
            f"{size / MIB:,.1f}"
            for size in (
                node.bytes,
                node.origin_bytes,
                node.peer_bytes,
                node.cached_bytes,
                node.served_bytes,
            )
        ),
    )
    cells = [node_name(node.node, node.host), state, *numbers]
    return f"<tr>{''.join(f'<td>{escape(sanitized(each))}</td>' for each in cells)}</tr>"
