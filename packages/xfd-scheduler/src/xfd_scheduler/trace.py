"""Records the events and orders of a scheduler, and replays them.

A trace is a text file with one JSON value a line: the settings and the seed, then `["event", time,
event]` and `["plan", time, orders]` in their order. Errors keep their class and fields. Use a
`Recorder` in place of the scheduler of a real run, and a problem in the field becomes a test.
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
from xfd_api.ids import NodeId
from xfd_api.orders import Order
from xfd_scheduler import events
from xfd_scheduler.events import Event
from xfd_scheduler.scheduler import DEFAULTS, Scheduler
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


class Recorder(Scheduler):
    """A scheduler that writes its events and orders into a file.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(
        self, path: Path, settings: SchedulerSettings = DEFAULTS, *, seed: int = 0
    ) -> None:
        super().__init__(settings, seed=seed)
        self._file = path.open("w", encoding="utf-8")
        self._write([dataclasses.asdict(settings), seed])

    def handle(self, event: Event, now: float) -> None:
        """As `Scheduler.handle`; the event is written first."""
        self._write(["event", now, plain(event)])
        super().handle(event, now)

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """As `Scheduler.plan`; the orders are written too."""
        given = super().plan(now)
        self._write(["plan", now, {node: plain(orders) for node, orders in given.items()}])
        return given

    def close(self) -> None:
        """Ends the trace."""
        self._file.close()

    def _write(self, value: Any) -> None:
        self._file.write(json.dumps(value) + "\n")


def open_trace(path: Path) -> IO[str]:
    """Opens a trace as text; a file name that ends in `.gz` is unpacked."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def records(path: Path) -> Iterator[tuple[str, float, Any]]:
    """The lines of a trace after its first: "event" or "plan", the time, the event or orders."""
    with open_trace(path) as file:
        next(file)
        for text in file:
            kind, now, value = json.loads(text)
            yield kind, now, value


def settings_and_seed(path: Path) -> tuple[SchedulerSettings, int]:
    """The settings and the seed of a trace's scheduler."""
    with open_trace(path) as file:
        fields, seed = json.loads(next(file))
    return SchedulerSettings(**fields), seed


def replay(path: Path) -> str:
    """Feeds a trace to a new scheduler; says at which plan its orders differ first, if they do.

    They differ as soon as the scheduler chooses better than the one of the trace. The reports are
    still valid input then, because orders are known by node and chunk, and a chunk that was not
    ordered counts as held all the same.

    Raises:
        AssertionError: an index of the scheduler is wrong at the end.
    """
    events_seen = plans = 0
    differs = ""
    settings, seed = settings_and_seed(path)
    scheduler = Scheduler(settings, seed=seed)
    for kind, now, value in records(path):
        if kind == "event":
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
    """A value in terms of JSON; dataclasses and errors keep their names."""
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
    """The inverse of `plain`; lists become tuples.

    Fields that a dataclass no longer has are left out, so that older traces can be replayed.
    """
    if isinstance(value, list):
        return tuple(revived(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "fields" in value:
        error = getattr(xfd_api.errors, value["error"])
        return error(value["what"], **value["fields"])
    if "unpack method" in value:
        return xfd_api.requests.UnpackMethod(value["unpack method"])
    kind = KINDS[value["kind"]]
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: revived(item) for name, item in value.items() if name in names})
