"""The page's text: headline, figures, tables, and places for what is drawn. All of it escaped."""

from __future__ import annotations

from xfd_api import __version__
from xfd_api.node_names import node_name
from xfd_api.results import DistributionReport, NodeResult
from xfd_dataplane.progress.words import human
from xfd_ray.report_format import notes_of
from xfd_ray.report_page import figures
from xfd_ray.report_page.chart_data import shown
from xfd_ray.report_page.html import seconds, section, table, text_of

MOST_NODES = 40
"""Rows of the table of nodes: those that failed and the slowest."""

MOST_OBJECTS = 25
"""Rows of the table of objects: those that failed and the largest."""

MOST_FAILURES = 20
MOST_NOTES = 12

_SOURCES = (
    ("origin", "the object store"),
    ("peers", "other nodes"),
    ("cached", "valid files that were there"),
    ("resumed", "unfinished files of earlier runs"),
    ("shared", "another node of the same disk"),
)


def body(report: DistributionReport, *, title: str, drawn: bool) -> str:
    """Everything between the page's `body` tags, but the scripts.

    Args:
        report: what a distribution did.
        title: of the page.
        drawn: whether there is a timeline to draw.
    """
    parts = [
        f"<header><h1>{text_of(title)}</h1><p>{text_of(headline(report))}</p></header>",
        _cards(report),
        _notes(report),
        _bound(report),
        _charts(report) if drawn else "<p>The report has no timeline, so nothing is drawn.</p>",
        _bytes_by_source(report),
        _alone(report),
        _nodes(report),
        _failures(report),
        _objects(report),
        f"<footer>Made by xfd {text_of(__version__)}. This page loads nothing.</footer>",
    ]
    return f"<main>{''.join(parts)}</main>"


def headline(report: DistributionReport) -> str:
    """One sentence that says what the run did."""
    nodes = f"{len(report.nodes)} node{'' if len(report.nodes) == 1 else 's'}"
    objects = f"{len(report.objects)} object{'' if len(report.objects) == 1 else 's'}"
    words = f"{objects}, {human(report.catalog_bytes)}, on {nodes} in {seconds(report.elapsed_s)}."
    bad = [node for node in report.nodes if node.state != "done"]
    if bad:
        words += f" {len(bad)} of them did not finish."
    return words


def _cards(report: DistributionReport) -> str:
    received = report.origin_bytes + report.peer_bytes
    rate = received / report.elapsed_s if report.elapsed_s > 0 else 0.0
    if report.efficiency is None:
        efficiency, why = "unknown", "no rates are known, or nothing was missing"
    else:
        efficiency = f"{report.efficiency:.0%}"
        why = f"bound {seconds(report.bound_s or 0.0)}, by {report.bound_source} rates"
    cards = (
        ("time", seconds(report.elapsed_s), "from the call to the last node's last file"),
        ("efficiency", efficiency, why),
        ("rate", f"{human(rate)}/s", "received by all nodes together, on average"),
        (
            "read from the origin",
            f"{report.amplification:.3f} times",
            f"{human(report.origin_bytes)} for {human(report.missing_bytes)} that was missing",
        ),
        ("retries", str(report.retries), "requests and orders that were repeated"),
        (
            "nodes",
            str(len(report.nodes)),
            f"{len(report.nodes_lost)} lost, {len(report.nodes_joined)} joined late",
        ),
    )
    items = "".join(
        f'<div class="card"><dt>{text_of(name)}</dt><dd id="card-{name.replace(" ", "-")}">'
        f"{text_of(value)}</dd><p>{text_of(note)}</p></div>"
        for name, value, note in cards
    )
    return f'<dl class="cards">{items}</dl>'


def _notes(report: DistributionReport) -> str:
    """What is out of the ordinary."""
    notes = notes_of(report)
    if not notes:
        return ""
    items = "".join(f"<li>{text_of(shown(note))}</li>" for note in notes[:MOST_NOTES])
    more = len(notes) - MOST_NOTES
    rest = f'<p class="note">{more:,} more are in the report itself.</p>' if more > 0 else ""
    return section("Notes", f'<ul id="notes">{items}</ul>{rest}')


def _bound(report: DistributionReport) -> str:
    """The time against the bound, and where it went."""
    total = report.elapsed_s
    if total <= 0:
        return ""
    rows = []
    if report.bound_s is not None:
        rows.append(("the bound", [("bound", "links and disks need", report.bound_s)]))
    split = figures.phases(report)
    if split is None:
        rows.append(("this run", [("moving", "whole run", total)]))
    else:
        parts = [
            ("before", "before the first byte", split.before_s),
            ("moving", "bytes arriving", split.moving_s),
            ("after", "after the last byte", split.after_s),
        ]
        rows.append(("this run", parts))
    bars = ""
    for name, parts in rows:
        pieces = "".join(
            f'<i class="{kind}" style="width:{100 * part / total:.2f}%"></i>'
            for kind, _, part in parts
        )
        legend = " ".join(
            f'<span class="key {kind}">{text_of(words)} {seconds(part)}</span>'
            for kind, words, part in parts
        )
        bars += f'<div class="bar"><b>{name}</b><div>{pieces}</div><p>{legend}</p></div>'
    return section("Time against the bound", bars)


def _charts(report: DistributionReport) -> str:
    timeline = report.timeline
    if timeline is None or not timeline.transfers.node:
        return section("Time line", "<p>Nothing moved.</p>")
    moved = timeline.transfers
    note = ""
    if moved.every > 1:
        note = (
            f'<p class="note">One of {moved.every} transfers is drawn: '
            f"{len(moved.node):,} of {moved.total:,}.</p>"
        )
    legend = (
        '<p><span class="key origin">from the origin</span> '
        '<span class="key peers">from a peer</span> '
        '<span class="key waited">waiting for it</span> '
        + ('<span class="key failed">failed order</span> ' if timeline.failures.total else "")
        + '<span class="key done">node done</span> '
        + ("" if report.bound_s is None else '<span class="key limit">the bound</span>')
        + "</p>"
    )
    return (
        section("Bytes that arrived", '<div id="throughput" class="plot"></div>' + note)
        + section(
            "Orders of each node",
            legend
            + _canvas("orders", "transfers of each node over time")
            + '<p class="tip" id="orders-tip">Point at a transfer to see it.</p>',
        )
        + section(
            "Chunks over time",
            '<p><span class="ramp"></span> how many of the nodes that lacked a chunk have it, '
            'none to all; <span class="key origin">read from the origin</span></p>'
            + _canvas("chunks", "which share of the nodes has each chunk, over time")
            + '<p class="tip" id="chunks-tip">Point at a row to see its chunk.</p>',
        )
    )


def _canvas(name: str, what: str) -> str:
    return f'<div class="drawn"><canvas id="{name}" role="img" aria-label="{what}"></canvas></div>'


def _bytes_by_source(report: DistributionReport) -> str:
    sizes = {
        "origin": report.origin_bytes,
        "peers": report.peer_bytes,
        "cached": report.cached_bytes,
        "resumed": report.resumed_bytes,
        "shared": report.shared_bytes,
    }
    total = sum(sizes.values()) or 1
    pieces = "".join(
        f'<i class="{name}" style="width:{100 * size / total:.2f}%"></i>'
        for name, size in sizes.items()
        if size
    )
    rows = [
        (f'<span class="key {name}">{name}</span>', text_of(words), human(sizes[name]), share)
        for name, words in _SOURCES
        if (share := f"{sizes[name] / total:.1%}") and (sizes[name] or name in ("origin", "peers"))
    ]
    rows_html = table(("source", "", "bytes", "share"), rows, "sources", numbers=(2, 3))
    return section("Bytes by source", f'<div class="bar wide"><div>{pieces}</div></div>{rows_html}')


def _alone(report: DistributionReport) -> str:
    what = figures.alone(report)
    rows = [
        ("bytes from the store", human(what.actual_bytes), human(what.bytes)),
        ("ranges asked of the store", f"{what.actual_ranges:,}", f"{what.ranges:,}"),
    ]
    if what.cost is not None and what.actual_cost is not None:
        rows.append(("cost of moving bytes", f"{what.actual_cost:,.4f}", f"{what.cost:,.4f}"))
    rows_html = table(("", "this run", "each node by itself"), rows, "alone", numbers=(1, 2))
    return section("If each node had downloaded by itself", rows_html)


def _nodes(report: DistributionReport) -> str:
    chosen = figures.slowest(report.nodes, MOST_NODES)
    longest = max((node.elapsed_s for node in report.nodes), default=0.0) or 1.0
    rows = [
        (
            text_of(shown(node_name(node.node, node.host))),
            _state(node),
            f'<span class="meter"><i style="width:{100 * node.elapsed_s / longest:.1f}%"></i>'
            f"</span> {seconds(node.elapsed_s)}",
            "" if ratio is None else f"{ratio:.2f}",
            human(node.origin_bytes),
            human(node.peer_bytes),
            human(node.cached_bytes + node.resumed_bytes + node.shared_bytes),
            human(node.served_bytes),
            str(node.retries),
        )
        for node, ratio in chosen
    ]
    heads = ("node", "state", "time", "to median", "origin", "peers", "found", "sent", "retries")
    more = len(report.nodes) - len(chosen)
    note = f'<p class="note">{more:,} other nodes were faster.</p>' if more else ""
    return section("Slowest nodes", table(heads, rows, "nodes", numbers=range(3, 9)) + note)


def _state(node: NodeResult) -> str:
    words = f"{node.state}, late" if node.joined_late else node.state
    if node.error is not None:
        words = f"{words}: {shown(node.error.what)}"
    return f'<span class="{"" if node.state == "done" else "bad"}">{text_of(words)}</span>'


def _failures(report: DistributionReport) -> str:
    timeline = report.timeline
    if timeline is None or not timeline.failures.total:
        return ""
    hosts = {node.node: node.host for node in report.nodes}
    counted = figures.failures_by_kind(timeline)
    rows = [
        (
            text_of(shown(node_name(timeline.nodes[node], hosts.get(timeline.nodes[node], "")))),
            text_of(error),
            "the origin" if is_origin else "a peer",
            f"{count:,}",
        )
        for node, error, is_origin, count in counted[:MOST_FAILURES]
    ]
    heads = ("node", "error", "asked", "times")
    return section("Failed orders", table(heads, rows, "failures", numbers=(3,)))


def _objects(report: DistributionReport) -> str:
    def order(place: int) -> tuple[bool, int]:
        item = report.objects[place]
        return item.error is None, -item.size

    chosen = sorted(range(len(report.objects)), key=order)[:MOST_OBJECTS]
    rows = []
    for place in chosen:
        item = report.objects[place]
        what = "" if item.error is None else text_of(shown(item.error.what))
        rows.append(
            (
                text_of(shown(item.key)),
                human(item.size),
                human(item.origin_bytes),
                f"{item.nodes_landed:,}",
                f"{item.nodes_cached:,}",
                f'<span class="bad">{what}</span>',
            )
        )
    heads = ("object", "size", "from the origin", "nodes", "cached on", "")
    more = len(report.objects) - len(chosen)
    note = f'<p class="note">{more:,} smaller objects are not listed.</p>' if more else ""
    return section("Objects", table(heads, rows, "objects", numbers=range(1, 5)) + note)
