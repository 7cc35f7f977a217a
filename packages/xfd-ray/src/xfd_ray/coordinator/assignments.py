"""What each node of a swarm is to have, and what it is known to have by now. Pure.

A lease that joins a running swarm learns from this what its nodes have already. A node is not asked
twice for objects on their way, so no second inventory would say it. It looks again for those that
have landed: somebody may have removed them since.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.reports import ChunkHeld, ChunkLost, HeldRun, Inventory, ObjectLanded
from xfd_api.wire_format import event_columns
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.lease_objects import ByPart
from xfd_ray.coordinator.part_items import chunk_places_of
from xfd_scheduler.state.bitset import mask_of, positions

MAX_CUT_OBJECTS = 1000
"""A part with more objects is not cut down for each node to those that have landed there."""


@dataclass(slots=True)
class _NodeState:
    """Bit sets of object indexes, and of chunk indexes in `held`.

    `inspected` has the objects that an inventory was taken of. `locked_by` has those that another
    writer of the node's disk holds, with that writer (None: no node of this swarm). `left_out` has
    what the trees of landed archives lack.
    """

    assigned: int = 0
    inspected: int = 0
    landed: int = 0
    held: int = 0
    locked_by: dict[ObjectIndex, NodeId | None] = field(default_factory=dict)
    left_out: dict[ObjectIndex, tuple[tuple[str, ...], int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One part of the catalog, as a node gets it for a lease.

    Attributes:
        part: the part.
        wanted: objects that the node is to look for: those that it was not assigned before, and
            those that have landed.
        known: other objects of which the node has taken an inventory already.
        inventory: what the node has of `known`.
    """

    part: CatalogPart
    wanted: tuple[ObjectIndex, ...]
    known: tuple[ObjectIndex, ...]
    inventory: Inventory


class Assignments:
    """The objects and chunks of each node.

    Invariant: a node is known from its first assignment until it is forgotten.
    """

    def __init__(self) -> None:
        self._nodes: dict[NodeId, _NodeState] = {}

    def __iter__(self) -> Iterator[NodeId]:
        return iter(tuple(self._nodes))

    def assign(self, node: NodeId, share: ByPart) -> Iterator[Assignment]:
        """Assigns to a node what it gets of a lease, part by part."""
        state = self._nodes.setdefault(node, _NodeState())
        for part, objects in share:
            requested = mask_of(objects)
            landed = requested & state.landed
            if landed != requested and len(part.catalog.objects) > MAX_CUT_OBJECTS:
                landed = 0
            wanted = _objects(requested & ~state.assigned | landed)
            _forget(state, part, landed)
            known = _objects(requested & state.inspected)
            state.assigned |= requested
            yield Assignment(part, wanted, known, _inventory_of(state, part, known))

    def took_inventory(
        self, node: NodeId, objects: Sequence[ObjectIndex], inventory: Inventory
    ) -> None:
        """The node looked for these objects."""
        state = self._nodes.get(node)
        if state is None:
            return
        state.inspected |= mask_of(objects) & state.assigned
        state.landed |= mask_of(inventory.landed)
        for run in inventory.held:
            state.held |= (1 << len(run.crcs)) - 1 << run.first_chunk
        for index in objects:
            state.locked_by.pop(index, None)
        state.locked_by.update(inventory.elsewhere)
        state.left_out.update((index, (names, n)) for index, names, n in inventory.left_out)

    def reported(self, node: NodeId, report: NodeReport) -> None:
        """The node reported what happened."""
        state = self._nodes.get(node)
        if state is None:
            return
        if report.full is not None:
            state.held = 0
            self.took_inventory(node, report.full.landed, report.full)
        events = event_columns(report.events)
        state.landed |= mask_of(events.landed)
        if state.locked_by:
            for index in events.landed:
                state.locked_by.pop(ObjectIndex(index), None)
        if not events.others:
            state.held |= mask_of(events.chunks)
            return
        for event in events:  # A chunk may be lost before it is held, or after that.
            if isinstance(event, ChunkHeld):
                state.held |= 1 << event.chunk
            elif isinstance(event, ChunkLost):
                state.held &= ~(1 << event.chunk)
            elif isinstance(event, ObjectLanded):
                state.landed |= 1 << event.object
                state.locked_by.pop(event.object, None)
                if event.left_out_count:
                    state.left_out[event.object] = (event.left_out, event.left_out_count)

    def failed(self, node: NodeId, objects: Sequence[ObjectIndex]) -> None:
        """These objects cannot land; a later lease assigns them again, as the disk may have room
        by then.
        """
        state = self._nodes.get(node)
        if state is not None:
            state.assigned &= ~mask_of(objects)
            state.inspected &= state.assigned

    def has(self, node: NodeId, index: ObjectIndex) -> bool:
        """Whether the node is to have the object."""
        state = self._nodes.get(node)
        return state is not None and bool(state.assigned >> index & 1)

    def forget(self, node: NodeId) -> None:
        """The node's worker is gone."""
        self._nodes.pop(node, None)


def _forget(state: _NodeState, part: CatalogPart, objects: int) -> None:
    """The next inventory says what the node has of these objects (bit set)."""
    if objects:
        state.inspected &= ~objects
        state.landed &= ~objects
        places = chunk_places_of(part, _objects(objects))
        state.held &= ~(places << part.catalog.first_chunk)


def _inventory_of(
    state: _NodeState, part: CatalogPart, objects: Sequence[ObjectIndex]
) -> Inventory:
    if not objects:
        return Inventory()
    wanted = set(objects)
    chunks_held = set(positions(state.held))
    held = (
        HeldRun(ChunkIndex(chunk.index), (None,))
        for chunk in part.catalog.chunks
        if chunk.index in chunks_held and any(span.object in wanted for span in chunk.spans)
    )
    return Inventory(
        held=tuple(held),
        landed=_objects(mask_of(objects) & state.landed),
        elsewhere=tuple(entry for entry in state.locked_by.items() if entry[0] in wanted),
        left_out=tuple(
            (index, names, n) for index, (names, n) in state.left_out.items() if index in wanted
        ),
    )


def _objects(mask: int) -> tuple[ObjectIndex, ...]:
    return tuple(ObjectIndex(place) for place in positions(mask))
