"""The timeline of one distribution, read from the traces that its processes wrote.

A folder of traces has the files of `XFD_TRACE` (see `xfd_ray.telemetry.log`), `driver.json` with
what the driver printed, and `links.jsonl` with what the links carried (see
`xfd_testing/bed/sample_links.py`). All clocks are those of one machine. Times of a `Timeline` are
seconds since the call.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from xfd_ray.telemetry import log_events
from xfd_testing.bed.links import Sample, read_links


@dataclass(frozen=True, slots=True)
class Mark:
    """A log event on a node or, if `node` is None, at the coordinator."""

    at: float
    event: str
    node: str | None
    fields: dict[str, Any]


@dataclass(slots=True)
class Order:
    """One chunk that one node was ordered to fetch; a step that did not happen has no time.

    Attributes:
        source: the peer's host; None is the origin.
        ordered: the scheduler gave the order.
        taken: the order arrived at the node.
        started: the node sent its first request for it.
        first_byte: the first byte arrived.
        held: the last byte arrived, and with it the chunk was verified.
        reported: the scheduler received the report.
    """

    node: str
    chunk: int
    source: str | None
    ordered: float
    taken: float | None = None
    started: float | None = None
    first_byte: float | None = None
    held: float | None = None
    reported: float | None = None
    size: int = 0


@dataclass(slots=True)
class Timeline:
    """One call, from its start to its return.

    Attributes:
        links: samples of each host's link, by host.
    """

    returned: float
    hosts: dict[str, str]
    marks: list[Mark]
    orders: list[Order]
    links: dict[str, list[Sample]] = field(default_factory=dict)

    def first(self, event: str, node: str | None = None) -> Mark | None:
        """The first mark of this name, on this node or anywhere."""
        return next(iter(self.all(event, node)), None)

    def all(self, event: str, node: str | None = None) -> Iterator[Mark]:
        """The marks of this name, on this node or anywhere, in order."""
        return (
            mark
            for mark in self.marks
            if mark.event == event and (node is None or mark.node == node)
        )

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes that received orders."""
        return sorted({order.node for order in self.orders})


def read(folder: Path) -> Timeline:
    """The timeline of the last call in a folder of traces."""
    driver = json.loads((folder / "driver.json").read_text())
    called, returned = driver["called_at"], driver["returned_at"]
    written = [
        event
        for pattern in ("coordinator-*.jsonl", "worker-*.jsonl")
        for path in sorted(folder.glob(pattern))
        for event in _lines(path)
    ]
    for event in written:
        event["at"] = datetime.fromisoformat(event["timestamp"]).timestamp() - called
    written.sort(key=lambda event: event["at"])
    hosts = {
        event["node"]: _host(event["peer_address"])
        for event in written
        if event["event"] == log_events.NODE_STARTED.name
    }
    swarm = next(e for e in reversed(written) if e["event"] == log_events.SWARM_STARTED.name)
    marks = [
        Mark(event["at"], event["event"], hosts.get(event.get("node", "")), event)
        for event in written
        if event["at"] >= 0 and event.get("swarm", swarm["swarm"]) == swarm["swarm"]
    ]
    orders = _orders(
        folder / f"scheduler-{swarm['swarm']}.jsonl", hosts, swarm["at"], swarm["clock"]
    )
    _add_node_times(orders, marks)
    return Timeline(
        returned=returned - called,
        hosts=hosts,
        marks=marks,
        orders=list(orders.values()),
        links=_links(folder / "links.jsonl", called, returned),
    )


def rates(samples: list[Sample], *, step_s: float = 0.1) -> list[tuple[float, float, float]]:
    """Moments, and the bytes per second received and sent around them."""
    measured = []
    before = samples[0] if samples else None
    for sample in samples:
        if before is not None and sample.at - before.at >= step_s:
            seconds = sample.at - before.at
            down = (sample.received - before.received) / seconds
            up = (sample.sent - before.sent) / seconds
            measured.append(((sample.at + before.at) / 2, down, up))
            before = sample
    return measured


def median_of(values: Iterator[float]) -> float | None:
    """The median; None without values."""
    kept = list(values)
    return statistics.median(kept) if kept else None


def _orders(
    path: Path, hosts: dict[str, str], at: float, clock: float
) -> dict[tuple[str, int], Order]:
    """The orders in the scheduler's record, by node and order number."""
    orders: dict[tuple[str, int], Order] = {}
    for line in list(_lines(path))[1:]:
        kind, now, value = line
        moment = now - clock + at
        if kind == "plan":
            for node, given in value.items():
                for order in given:
                    if order["kind"] == "Fetch":
                        for k in range(order["count"]):
                            source = order["source"]
                            orders[node, order["first_order"] + k] = Order(
                                hosts[node],
                                order["first_chunk"] + k,
                                None if source is None else hosts[source],
                                moment,
                            )
        elif value["kind"] == "Reported":
            for event in value["report"]["events"]:
                known = orders.get((value["node"], event.get("order")))
                if event["kind"] == "ChunkHeld" and known is not None:
                    known.reported = moment
    return orders


def _add_node_times(orders: dict[tuple[str, int], Order], marks: list[Mark]) -> None:
    """Adds the times that the nodes logged."""
    for mark in marks:
        if mark.event == log_events.ORDERS_TAKEN.name:
            for first, count in mark.fields["runs"]:
                for k in range(count):
                    if (known := orders.get((mark.fields["node"], first + k))) is not None:
                        known.taken = mark.at
        elif mark.event == log_events.CHUNK_HELD.name:
            known = orders.get((mark.fields["node"], mark.fields["order"]))
            if known is not None:
                known.held = mark.at
                known.size = mark.fields["size"]
                known.started = mark.at - mark.fields["seconds"]
                if mark.fields["transfer_seconds"]:
                    known.first_byte = mark.at - mark.fields["transfer_seconds"]


def _links(path: Path, called: float, returned: float) -> dict[str, list[Sample]]:
    """The samples from a second before the call to a second after it, in seconds since the call."""
    return {
        host: [
            replace(sample, at=sample.at - called)
            for sample in samples
            if called - 1 <= sample.at <= returned + 1
        ]
        for host, samples in read_links(path).items()
    }


def _host(address: str) -> str:
    """The name of a bed's host, by the last number of its address."""
    last = int(address.rpartition(":")[0].rpartition(".")[2])
    return f"n{last - 10}"


def _lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return  # The process was ended in the middle of its last line.
