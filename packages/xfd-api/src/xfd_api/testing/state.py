"""What a `FakeDataPlane` knows of one swarm, and what is to go wrong there."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from xfd_api.chunks import CatalogObject, Chunk
from xfd_api.errors import XfdError
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.reports import Fault, NodeEvent


@dataclass(frozen=True, slots=True)
class FakeFault:
    """What goes wrong with the next orders for one chunk."""

    error: XfdError
    fault: Fault = "origin"
    final: bool = False
    times: int = 1


@dataclass(slots=True)
class FakeSwarm:
    """`looks`: how often an order has looked for its source, in vain."""

    objects: dict[ObjectIndex, CatalogObject] = field(default_factory=dict)
    chunks: dict[ChunkIndex, Chunk] = field(default_factory=dict)
    held: dict[ChunkIndex, int] = field(default_factory=dict)
    waiting: list[tuple[OrderId, ChunkIndex, NodeId | None]] = field(default_factory=list)
    looks: dict[OrderId, int] = field(default_factory=dict)
    landed: set[ObjectIndex] = field(default_factory=set)
    events: queue.SimpleQueue[NodeEvent] = field(default_factory=queue.SimpleQueue)
