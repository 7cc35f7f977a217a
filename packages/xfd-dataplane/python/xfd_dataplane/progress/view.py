"""What bars show: a bar for everything, bars for slow nodes or for files, and notes. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

from xfd_api.progress import NodeStanding, ObjectStanding, Progress
from xfd_api.sanitize import sanitized
from xfd_dataplane.progress.words import (
    LOOKING,
    counts,
    human,
    is_looking,
    left,
    pace,
    percent,
    share_of,
    troubles,
)

MOST_ROWS = 5
"""Nodes or files with a bar of their own."""

MOST_LABEL = 20
"""Characters of a name; its end says more than its start."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: what it is of.
        done: the part that is full, of `total`.
        total: None while it is not known; the bar then moves back and forth.
        text: what is written behind it.
    """

    label: str
    done: int
    total: int | None
    text: str


@dataclass(frozen=True, slots=True)
class View:
    """All that is shown at one moment.

    Attributes:
        whole: the bar for everything.
        parts: bars for nodes or files that are under way.
        notes: counts, and why it does not go on: a line each.
    """

    whole: Bar
    parts: tuple[Bar, ...] = ()
    notes: tuple[str, ...] = ()


def view_of(now: Progress | None) -> View:
    """What is shown of a `Progress`; None while objects are looked for."""
    if now is None or is_looking(now):
        notes = [] if now is None else [sanitized(note) for note in troubles(now)]
        return View(Bar("finding", 0, None, LOOKING), notes=tuple(notes))
    parts: list[Bar] = []
    if now.nodes > 1:
        behind = [node for node in now.per_node if node.phase != "done"][:MOST_ROWS]
        hosts = Counter(node.host for node in behind)
        parts = [_node_bar(node, is_alone=hosts[node.host] == 1) for node in behind]
    elif now.objects > 1:
        parts = [_object_bar(each) for each in now.per_object[:MOST_ROWS]]
    summary = ", ".join(part for part in (left(now), counts(now)) if part)
    notes = [sanitized(note) for note in (summary, *troubles(now))]
    return View(_whole_bar(now), tuple(parts), tuple(notes))


def _whole_bar(now: Progress) -> Bar:
    words = [f"{percent(now):>3} %", share_of(now.done_bytes, now.total_bytes)]
    text = "  ".join(word for word in (*words, pace(now)) if word)
    return _bar(now.phase, now.done_bytes, now.total_bytes, text)


def _node_bar(node: NodeStanding, *, is_alone: bool) -> Bar:
    """The bar of a node. Its host names it, unless another one of that host is shown."""
    rate = f"  {human(node.bytes_per_s)}/s" if node.bytes_per_s is not None else ""
    state = rate if node.phase == "moving" else f"  {node.phase}"
    share = 100 * node.done_bytes // node.total_bytes if node.total_bytes else 100
    label = short_host(node.host)
    if not label or not is_alone:
        label = f"{label} {node.node[:8]}".lstrip()
    return _bar(label, node.done_bytes, node.total_bytes, f"{share:>3} %{state}")


def short_host(host: str) -> str:
    """A host without its domain; an address as it is.

    Example:
        >>> short_host("node-7.internal"), short_host("10.0.0.7")
        ('node-7', '10.0.0.7')
    """
    first = host.partition(".")[0]
    return host if first.isdigit() else first


def _object_bar(each: ObjectStanding) -> Bar:
    share = 100 * each.done_bytes // each.total_bytes if each.total_bytes else 100
    text = f"{share:>3} %  of {human(each.total_bytes)}"
    return _bar(PurePath(each.destination).name, each.done_bytes, each.total_bytes, text)


def _bar(label: str, done: int, total: int, text: str) -> Bar:
    label = sanitized(label)
    if len(label) > MOST_LABEL:
        label = "…" + label[1 - MOST_LABEL :]
    # An empty whole is full.
    return Bar(label, done if total else 1, total or 1, text)
