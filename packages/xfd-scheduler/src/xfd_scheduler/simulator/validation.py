"""Simulated times against measured ones.

A file of measured settings is JSON: a list of objects with three fields.

    name          of the setting
    measured_s    from the first order to the last chunk of the last node; null if not measured
    scenario      the fields of a `Scenario` that differ from its defaults; rates in bytes/s

A trace of a real run contains its nodes, when each joined, the chunks, and how long it took.

A link that is limited by its kernel counts headers as well: 1,448 of the 1,514 bytes of an Ethernet
frame are payload of a TCP connection.
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
    """A real run, and the scenario that should take as long."""

    name: str
    scenario: Scenario
    measured_s: float | None


def from_settings(path: Path) -> list[Measured]:
    """Reads a file of measured settings.

    Raises:
        TypeError: a scenario has an unknown field.
    """
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Measured(entry["name"], _scenario(entry["scenario"]), entry["measured_s"])
        for entry in entries
    ]


def from_trace(path: Path, links: Scenario) -> Measured:
    """Reads a trace; links and delays, which it does not contain, are as in `links`.

    Times count from the first order: the start of Ray's nodes is not simulated.

    Raises:
        ValueError: no chunk arrived in the trace.
    """
    joins: list[float] = []
    sizes: list[int] = []
    first: float | None = None
    last: float | None = None
    for kind, now, value in records(path):
        if kind != "event":
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
    """One line: name, simulated and measured seconds, and their ratio."""
    took = measured.measured_s
    compared = "        -       -" if took is None else f"{took:9.2f} {simulated_s / took:7.3f}"
    return f"{measured.name:40} {simulated_s:9.2f} {compared}"


ROW_HEAD = f"{'setting':40} {'simulated':>9} {'measured':>9} {'ratio':>7}"


def _fetches(orders: list[dict[str, Any]]) -> bool:
    return any(order["kind"] == "Fetch" for order in orders)


def _scenario(fields: dict[str, Any]) -> Scenario:
    tuples = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Scenario(**{**fields, **tuples})
