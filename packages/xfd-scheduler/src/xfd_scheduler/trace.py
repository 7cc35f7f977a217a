"""Records what a scheduler was told and what it ordered, and plays it again.

A trace is a text file with one JSON value a line: the settings and the seed, then `["event", time,
event]` and `["plan", time, orders]` in the order they came. Errors keep their class and fields.
Wrap the scheduler of a real run into a `Recorder`, and its field problem becomes a test.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import xfd_api.chunks
import xfd_api.errors
import xfd_api.node_report
import xfd_api.orders
import xfd_api.reports
import xfd_api.requests
from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.orders import Order
from xfd_api.traffic import Traffic
from xfd_scheduler import events
from xfd_scheduler.events import Event
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.settings import SchedulerSettings

KINDS: dict[str, Any] = {
    name: kind
    for module in (
        events,
        xfd_api.chunks,
        xfd_api.orders,
        xfd_api.reports,
        xfd_api.node_report,
    )
    for name, kind in vars(module).items()
    if dataclasses.is_dataclass(kind)
}


class Recorder:
    """A scheduler that writes down what passes through it."""

    def __init__(
        self, scheduler: Scheduler, path: Path, settings: SchedulerSettings, seed: int
    ) -> None:
        self._scheduler = scheduler
        self._file = path.open("w", encoding="utf-8")
        self._write([dataclasses.asdict(settings), seed])

    def handle(self, event: Event, now: float) -> None:
        """As `Scheduler.handle`."""
        self._write(["event", now, plain(event)])
        self._scheduler.handle(event, now)

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """As `Scheduler.plan`."""
        given = self._scheduler.plan(now)
        self._write(["plan", now, {node: plain(orders) for node, orders in given.items()}])
        return given

    def next_wakeup(self) -> float | None:
        """As `Scheduler.next_wakeup`."""
        return self._scheduler.next_wakeup()

    def landed(self, node: NodeId) -> int:
        """As `Scheduler.landed`."""
        return self._scheduler.landed(node)

    def failures(self) -> dict[tuple[NodeId, ObjectIndex], xfd_api.errors.XfdError]:
        """As `Scheduler.failures`."""
        return self._scheduler.failures()

    def traffic(self) -> Traffic:
        """As `Scheduler.traffic`."""
        return self._scheduler.traffic()

    def close(self) -> None:
        """Ends the trace."""
        self._file.close()

    def _write(self, value: Any) -> None:
        self._file.write(json.dumps(value) + "\n")


def opened(path: Path) -> IO[str]:
    """A trace as text; one whose name ends in `.gz` is unpacked."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def records(path: Path) -> Iterator[tuple[str, float, Any]]:
    """The lines of a trace after its first: "event" or "plan", the time, and what it was."""
    with opened(path) as file:
        next(file)
        for text in file:
            what, now, value = json.loads(text)
            yield what, now, value


def settings_and_seed(path: Path) -> tuple[SchedulerSettings, int]:
    """What a trace's scheduler was made with."""
    with opened(path) as file:
        fields, seed = json.loads(next(file))
    return SchedulerSettings(**fields), seed


def replay(path: Path) -> str:
    """Feeds a trace to a new scheduler; says at which plan the orders differ first, if they do.

    They do as soon as the scheduler chooses better than the one of the trace. What nodes reported
    is then still what may happen to a scheduler, and it has to cope: orders are known by node and
    chunk, and what nobody asked for is held all the same.
    """
    events_seen = plans = 0
    differs = ""
    settings, seed = settings_and_seed(path)
    scheduler = Scheduler(settings, seed=seed)
    for what, now, value in records(path):
        if what == "event":
            events_seen += 1
            scheduler.handle(revived(value), now)
            continue
        plans += 1
        given = {node: plain(orders) for node, orders in scheduler.plan(now).items()}
        if not differs and json.loads(json.dumps(given)) != value:
            differs = f"plan {plans} at {now:.3f} s differs, after {events_seen} events"
    scheduler.check_invariants()
    return differs or f"{events_seen} events, {plans} plans: the same orders"


def plain(value: Any) -> Any:
    """A value as JSON has it; dataclasses and errors keep their names."""
    if isinstance(value, xfd_api.errors.XfdError):
        return {"error": type(value).__name__, "what": value.what, "fields": value.fields()}
    if isinstance(value, xfd_api.requests.UnpackMethod):
        return {"unpack method": value.value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def revived(value: Any) -> Any:
    """The inverse of `plain`; lists become tuples."""
    if isinstance(value, list):
        return tuple(revived(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "fields" in value:
        kind = getattr(xfd_api.errors, value["error"])
        return kind(value["what"], **value["fields"])
    if "unpack method" in value:
        return xfd_api.requests.UnpackMethod(value["unpack method"])
    fields = {name: revived(item) for name, item in value.items() if name != "kind"}
    return KINDS[value["kind"]](**fields)
