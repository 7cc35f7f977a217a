"""Formats a `DistributionReport` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xfd_api.chunks import MIB
from xfd_api.node_names import SHORT_ID, node_name
from xfd_api.results import DistributionReport, NodeResult
from xfd_api.sanitize import sanitized

if TYPE_CHECKING:
    from rich.text import Text

HOST_WIDTH = 18
NARROW_HOST_WIDTH = 8
"""Characters of a host's name in the table; a longer one is cut."""

ROOMY = 96
"""A table of this width has long hosts, and two blanks between its columns."""

_UNITS = (("MiB", MIB), ("GiB", 1024 * MIB), ("TiB", 1024 * 1024 * MIB))


def report_text(report: DistributionReport, *, width: int = 100) -> str:
    """The report as text: a table of the nodes and a summary, without colours or secrets.

    Args:
        report: what a distribution did.
        width: width of the table in characters; it needs 80.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(width=width, color_system=None, record=True, quiet=True)
    unit, size = _unit_of(report)
    hosts = any(node.host for node in report.nodes)
    roomy = width >= ROOMY
    table = Table(box=None, padding=(0, 2 if roomy else 1, 0, 0), pad_edge=False)
    if hosts:
        longest = HOST_WIDTH if roomy else NARROW_HOST_WIDTH
        table.add_column("host", no_wrap=True, max_width=longest)
    table.add_column("node", no_wrap=True, min_width=SHORT_ID)
    table.add_column("state", no_wrap=True)
    for name in ("files", unit, "origin", "peers", "cached", "served", "s"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for node in report.nodes:
        table.add_row(*_cells(node, size, with_host=hosts))
    with console.capture() as captured:
        console.quiet = False
        console.print(table)
        for line in ["", *_summary(report)]:
            console.print(sanitized(line), highlight=False, markup=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _cells(node: NodeResult, size: int, *, with_host: bool) -> list[str | Text]:
    from rich.text import Text

    state = f"{node.state}, late" if node.joined_late else node.state
    amounts = (
        node.bytes,
        node.origin_bytes,
        node.peer_bytes,
        node.cached_bytes,
        node.served_bytes,
    )
    return [
        *([Text(sanitized(node.host))] if with_host else []),
        Text(sanitized(node.node[:SHORT_ID])),
        state,
        str(node.files),
        *(f"{amount / size:.1f}" for amount in amounts),
        f"{node.elapsed_s:.2f}",
    ]


def _unit_of(report: DistributionReport) -> tuple[str, int]:
    """The unit of the table: the smallest in which the largest number has four digits at most."""
    most = max((max(node.bytes, node.served_bytes) for node in report.nodes), default=0)
    return next((unit for unit in _UNITS if most < 10_000 * unit[1]), _UNITS[-1])


def _summary(report: DistributionReport) -> list[str]:
    lines = [
        f"objects {len(report.objects)}, {_mib(report.catalog_bytes)} MiB, "
        f"of which {_mib(report.missing_bytes)} MiB were missing on some node",
        f"from the origin {_mib(report.origin_bytes)} MiB, "
        f"from peers {_mib(report.peer_bytes)} MiB, cached {_mib(report.cached_bytes)} MiB, "
        f"resumed {_mib(report.resumed_bytes)} MiB",
        f"amplification {report.amplification:.3f}, retries {report.retries}",
    ]
    if report.bound_s is None or report.efficiency is None:
        lines.append(f"elapsed {report.elapsed_s:.2f} s, bound unknown")
    else:
        lines.append(
            f"elapsed {report.elapsed_s:.2f} s, bound {report.bound_s:.2f} s "
            f"({report.bound_source} rates), efficiency {report.efficiency:.2f}"
        )
    if report.traffic.estimated_cost is not None:
        lines.append(f"estimated cost {report.traffic.estimated_cost:.4f}")
    return [*lines, *notes_of(report)]


def notes_of(report: DistributionReport) -> list[str]:
    """What is out of the ordinary in a report, a line each; names are those of strangers."""
    lines = []
    if report.uncounted_s:
        lines.append(
            f"the coordinator was lost: bytes moved in the first {report.uncounted_s:.1f} s "
            "count as found on the nodes"
        )
    traffic = report.traffic
    if len({each.target for each in traffic.moved}) > 1:
        lines.append(
            f"within zones {_mib(traffic.within_zones_bytes)} MiB, "
            f"across zones {_mib(traffic.across_zones_bytes)} MiB"
        )
    if report.excluded:
        lines.append(f"left out by include and exclude: {report.excluded} objects")
    lines += [line for result in report.objects if (line := result.left_out_line) is not None]
    hosts = {node.node: node.host for node in report.nodes}
    for name, nodes in (("lost", report.nodes_lost), ("joined late", report.nodes_joined)):
        if nodes:
            lines.append(
                f"nodes {name}: {', '.join(node_name(node, hosts.get(node, '')) for node in nodes)}"
            )
    lines += [
        f"{node_name(node.node, node.host)}: {node.error.what}"
        for node in report.nodes
        if node.error
    ]
    return lines


def _mib(size: int) -> str:
    return f"{size / MIB:.1f}"
