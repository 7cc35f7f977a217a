"""Simulated times against measured ones.

A file of measured settings is JSON: a list of objects with a `name`, `measured_s` (from the first
order to the last node's last chunk; null where that was not measured yet) and `scenario`, the
fields of a `Scenario` that differ from its defaults, rates in bytes per second. A trace of a real
run says by itself how many nodes there were, when each joined, what was moved and how long it took.

A link that is limited by its kernel counts headers as well: of 1,514 bytes of an Ethernet frame
1,448 are a TCP connection's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xfd_scheduler.simulator.scenario import Scenario
from xfd_scheduler.trace import records, settings_and_seed


@dataclass(frozen=True, slots=True)
class Measured:
    """A real run, and the scenario that is to come out like it."""

    name: str
    scenario: Scenario
    measured_s: float | None


def from_settings(path: Path) -> list[Measured]:
    """Reads a file of measured settings.

    Raises:
        TypeError: a scenario has a field that there is not.
    """
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Measured(entry["name"], _scenario(entry["scenario"]), entry["measured_s"])
        for entry in entries
    ]


def from_trace(path: Path, links: Scenario) -> Measured:
    """Reads a trace; what it does not know, the links and delays, is as in `links`.

    Times count from the first order: what Ray takes to start nodes is not simulated.

    Raises:
        ValueError: no chunk arrived in it.
    """
    joins: list[float] = []
    sizes: list[int] = []
    first: float | None = None
    last: float | None = None
    for what, now, value in records(path):
        if what != "event":
            if first is None and any(_fetches(orders) for orders in value.values()):
                first = now
            continue
        if value["kind"] == "InventoryTaken":
            joins.append(now)
        elif value["kind"] == "CatalogGrew":
            sizes.extend(chunk["size"] for chunk in value["catalog"]["chunks"])
        elif value["kind"] == "Reported" and any(
            event["kind"] == "ChunkHeld" for event in value["report"]["events"]
        ):
            last = now
    if first is None or last is None:
        raise ValueError(f"no chunk arrived in {path}")
    settings, _ = settings_and_seed(path)
    scenario = replace(
        links,
        nodes=len(joins),
        total_bytes=float(sum(sizes)),
        chunk_bytes=float(max(sizes)),
        joins_s=tuple(sorted(max(0.0, join - first) for join in joins)),
        settings=settings,
    )
    return Measured(path.name, scenario, last - first)


def row(measured: Measured, simulated_s: float) -> str:
    """One line: name, simulated and measured seconds, and how they compare."""
    took = measured.measured_s
    compared = "        -       -" if took is None else f"{took:9.2f} {simulated_s / took:7.3f}"
    return f"{measured.name:40} {simulated_s:9.2f} {compared}"


ROW_HEAD = f"{'setting':40} {'simulated':>9} {'measured':>9} {'ratio':>7}"


def _fetches(orders: list[dict[str, Any]]) -> bool:
    return any(order["kind"] == "Fetch" for order in orders)


def _scenario(fields: dict[str, Any]) -> Scenario:
    tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Scenario(**{**fields, **tuples})
