"""A distribution's timeline as text: its phases, the steps of its orders, the use of its links."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.cluster.timeline import Mark, Order, Timeline, median_of, rates
from xfd_ray.telemetry import log_events

PHASES = (
    (log_events.COORDINATOR_UP.name, "coordinator up"),
    (log_events.LEASE_OPENED.name, "lease opened"),
    (log_events.WORKER_UP.name, "worker up"),
    (log_events.WORKER_SERVING.name, "worker serves"),
    (log_events.NODE_JOINED.name, "node joined"),
    (log_events.OBJECTS_FOUND.name, "listing done"),
    (log_events.CATALOG_GREW.name, "catalog made"),
    (log_events.INVENTORY_TAKEN.name, "inventory taken"),
    (log_events.OBJECT_LANDED.name, "last object landed"),
    (log_events.LEASE_DONE.name, "lease done"),
)
IDLE_BELOW = 0.5

STEPS: tuple[tuple[str, Callable[[Order], float | None], Callable[[Order], float | None]], ...] = (
    ("ordered -> taken", lambda o: o.ordered, lambda o: o.taken),
    ("taken -> started", lambda o: o.taken, lambda o: o.started),
    ("started -> first byte", lambda o: o.started, lambda o: o.first_byte),
    ("first byte -> verified", lambda o: o.first_byte, lambda o: o.held),
    ("verified -> reported", lambda o: o.held, lambda o: o.reported),
)


def phases(timeline: Timeline, capacities: dict[str, float]) -> str:
    """The summary; `capacities` has bytes per second of each host's link, one way."""
    lines = ["Seconds from the call on:"]
    lines += [f"  {at:8.3f}  {text}" for at, text in sorted(_moments(timeline))]
    lines += ["", "Orders, median seconds (longest):"]
    lines += _steps("from the origin", [o for o in timeline.orders if o.source is None])
    lines += _steps("from peers", [o for o in timeline.orders if o.source is not None])
    lines += ["", *_link_lines(timeline, capacities)]
    return "\n".join(lines)


def _moments(timeline: Timeline) -> Iterator[tuple[float, str]]:
    yield 0.0, "call"
    for event, text in PHASES:
        by_node: dict[str | None, Mark] = {}
        for mark in timeline.all(event):
            if event == log_events.OBJECT_LANDED.name or mark.node not in by_node:
                by_node[mark.node] = mark
        for node, mark in by_node.items():
            age = mark.fields.get("process_age_s")
            started = f" (its process started at {mark.at - age:.3f})" if age is not None else ""
            yield mark.at, f"{text}{f' on {node}' if node else ''}{started}"
    for node in timeline.nodes:
        mine = [order for order in timeline.orders if order.node == node]
        yield min(order.ordered for order in mine), f"first order for {node}"
        first = [order.first_byte for order in mine if order.first_byte is not None]
        if first:
            yield min(first), f"first chunk byte at {node}"
        held = [order.held for order in mine if order.held is not None]
        if held:
            yield max(held), f"last chunk byte at {node}"
    origin = [o for o in timeline.orders if o.source is None and o.held is not None]
    if origin:
        yield min(o.first_byte or o.held or 0.0 for o in origin), "FIRST ORIGIN BYTE"
        yield max(o.held or 0.0 for o in origin), "LAST ORIGIN BYTE"
    yield timeline.returned, "call returned"


def _steps(title: str, orders: list[Order]) -> Iterator[str]:
    dropped = sum(order.held is None for order in orders)
    yield f"  {title}: {len(orders)} orders, {dropped} of them not carried out"
    for name, begin, end in STEPS:
        spans = [
            after - before
            for order in orders
            if (before := begin(order)) is not None and (after := end(order)) is not None
        ]
        middle = median_of(iter(spans))
        if middle is not None:
            yield f"    {name:24} {middle:7.3f} ({max(spans):.3f})"


def _link_lines(timeline: Timeline, capacities: dict[str, float]) -> Iterator[str]:
    yield "Links, from the call to its return: mean use, and seconds below half of the capacity:"
    for host in sorted(timeline.links):
        measured = [
            rate for rate in rates(timeline.links[host]) if 0 <= rate[0] <= timeline.returned
        ]
        if not measured or host not in capacities:
            continue
        step = timeline.returned / len(measured)
        down, up = (
            (
                sum(rate[way] for rate in measured) / len(measured) / capacities[host],
                step * sum(rate[way] < IDLE_BELOW * capacities[host] for rate in measured),
            )
            for way in (1, 2)
        )
        yield (
            f"  {host:3} receives {down[0]:4.0%}, idle {down[1]:5.1f} s;"
            f"  sends {up[0]:4.0%}, idle {up[1]:5.1f} s"
        )
