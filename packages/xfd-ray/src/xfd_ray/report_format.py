"""Formats a `DistributionReport` as text."""

from __future__ import annotations

from xfd_api.chunks import MIB
from xfd_api.node_names import SHORT_ID, node_name
from xfd_api.results import DistributionReport
from xfd_api.sanitize import sanitized

HOST_WIDTH = 18
"""Characters of a host's name in the table; a longer one is cut."""


def report_text(report: DistributionReport, *, width: int = 100) -> str:
    """The report as text: a table of the nodes and a summary, without colours or secrets.

    Args:
        report: what a distribution did.
        width: width of the table in characters.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=width, color_system=None, record=True, quiet=True)
    table = Table(title="Distribution", title_justify="left")
    hosts = any(node.host for node in report.nodes)
    if hosts:
        table.add_column("host", no_wrap=True, max_width=HOST_WIDTH)
    table.add_column("node", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("files", "MiB", "origin", "peers", "cached", "served", "s"):
        table.add_column(name, justify="right")
    for node in report.nodes:
        state = f"{node.state}, late" if node.joined_late else node.state
        table.add_row(
            *([Text(sanitized(node.host))] if hosts else []),
            node.node[:SHORT_ID],
            state,
            str(node.files),
            _mib(node.bytes),
            _mib(node.origin_bytes),
            _mib(node.peer_bytes),
            _mib(node.cached_bytes),
            _mib(node.served_bytes),
            f"{node.elapsed_s:.2f}",
        )
    with console.capture() as captured:
        console.quiet = False
        console.print(table)
        for line in _summary(report):
            console.print(sanitized(line), highlight=False, markup=False, soft_wrap=True)
    return captured.get().rstrip("\n")


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
    if traffic.estimated_cost is not None:
        lines.append(f"estimated cost {traffic.estimated_cost:.4f}")
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
