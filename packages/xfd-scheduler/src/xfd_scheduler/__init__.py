"""Decides which node of a swarm fetches which chunk, and from which source.

A pure state machine: events in, orders out, without I/O, clock or randomness. Here two nodes want
one object of two chunks. Each chunk is read from the origin (source None) once, by one node, and
the other node receives it from there:

>>> from xfd_scheduler import CatalogGrew, InventoryTaken, NodeJoined, Scheduler, SchedulerSettings
>>> from xfd_api.chunks import Catalog, CatalogObject, Chunk, FoundObject, Span
>>> from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
>>> from xfd_api.orders import Fetch
>>> from xfd_api.reports import Inventory
>>> item = ObjectIndex(0)
>>> objects = (CatalogObject(item, None, None, FoundObject("weights", 16), "weights"),)
>>> chunks = tuple(Chunk(ChunkIndex(k), (Span(item, 8 * k, 8),), 8) for k in range(2))
>>> scheduler = Scheduler(SchedulerSettings(download_slots=4))
>>> scheduler.handle(CatalogGrew(Catalog(objects, chunks)), now=0.0)
>>> for node in (NodeId("a"), NodeId("b")):
...     scheduler.handle(NodeJoined(node, f"{node}.example:7000"), now=0.0)
...     scheduler.handle(InventoryTaken(node, (item,), Inventory()), now=0.0)
>>> for node, orders in scheduler.plan(now=0.0).items():
...     for order in orders:
...         if isinstance(order, Fetch):
...             print(node, "fetches", order.first_chunk, "from", order.source)
a fetches 0 from None
a fetches 1 from b
b fetches 0 from a
b fetches 1 from None
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xfd_scheduler.events import (
        CatalogGrew,
        Event,
        InventoryTaken,
        NodeHeard,
        NodeJoined,
        NodeLost,
        NodeSilent,
        NodeStarting,
        NodeTraits,
        Released,
        Reported,
        Tick,
    )
    from xfd_scheduler.scheduler import Scheduler
    from xfd_scheduler.settings import OriginPolicy, SchedulerSettings

__version__ = "0.1.0"

__all__ = [
    "CatalogGrew",
    "Event",
    "InventoryTaken",
    "NodeHeard",
    "NodeJoined",
    "NodeLost",
    "NodeSilent",
    "NodeStarting",
    "NodeTraits",
    "OriginPolicy",
    "Released",
    "Reported",
    "Scheduler",
    "SchedulerSettings",
    "Tick",
    "__version__",
]

_MODULES = {
    "CatalogGrew": "events",
    "Event": "events",
    "InventoryTaken": "events",
    "NodeHeard": "events",
    "NodeJoined": "events",
    "NodeLost": "events",
    "NodeSilent": "events",
    "NodeStarting": "events",
    "NodeTraits": "events",
    "OriginPolicy": "settings",
    "Released": "events",
    "Reported": "events",
    "Scheduler": "scheduler",
    "SchedulerSettings": "settings",
    "Tick": "events",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562).

    A worker imports this package for its version alone.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
