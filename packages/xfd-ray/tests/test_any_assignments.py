"""Whatever comes in any order of leases and reports: an assignment says what a model says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex, OrderId
from xfd_api.node_report import NodeReport
from xfd_api.profiles import ObjectStoreConfigByProfile
from xfd_api.reports import (
    ChunkHeld,
    ChunkLost,
    HeldRun,
    Inventory,
    NodeCounters,
    NodeEvent,
    ObjectLanded,
)
from xfd_api.testing import catalog_of
from xfd_ray.catalog_part import CatalogPart
from xfd_ray.coordinator.assignments import Assignments

MIB = 2**20
CATALOG = catalog_of({"a": 3 * MIB, "b": 100, "c": 200, "d": 2 * MIB})
PART = CatalogPart(CATALOG, ObjectStoreConfigByProfile({}))
OBJECTS = [each.index for each in CATALOG.objects]
CHUNKS = [each.index for each in CATALOG.chunks]

nodes = st.sampled_from([NodeId("m"), NodeId("n")])
some_objects = st.sets(st.sampled_from(OBJECTS)).map(lambda it: tuple(sorted(it)))
some_chunks = st.sets(st.sampled_from(CHUNKS)).map(lambda it: tuple(sorted(it)))


@dataclass
class Model:
    """What one node has, in plain sets."""

    assigned: set[ObjectIndex] = field(default_factory=set)
    inspected: set[ObjectIndex] = field(default_factory=set)
    landed: set[ObjectIndex] = field(default_factory=set)
    held: set[ChunkIndex] = field(default_factory=set)
    locked: set[ObjectIndex] = field(default_factory=set)


def inventory(
    held: Iterable[ChunkIndex], landed: Iterable[ObjectIndex], locked: Iterable[ObjectIndex]
) -> Inventory:
    return Inventory(
        held=tuple(HeldRun(chunk, (1,)) for chunk in held),
        landed=tuple(landed),
        elsewhere=tuple((index, None) for index in locked),
    )


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.assignments = Assignments()
        self.models: dict[NodeId, Model] = {}

    @rule(node=nodes, objects=some_objects)
    def assign(self, node: NodeId, objects: tuple[ObjectIndex, ...]) -> None:
        model = self.models.setdefault(node, Model())
        (given,) = self.assignments.assign(node, ((PART, objects),))
        landed = set(objects) & model.landed
        assert set(given.wanted) == (set(objects) - model.assigned) | landed
        spans = {chunk.index: {it.object for it in chunk.spans} for chunk in CATALOG.chunks}
        model.landed -= landed
        model.inspected -= landed
        model.held -= {chunk for chunk in CHUNKS if spans[chunk] & landed}
        known = set(objects) & model.inspected
        assert set(given.known) == known
        held = {chunk for chunk in model.held if spans[chunk] & known}
        assert {run.first_chunk for run in given.inventory.held} == held
        assert given.inventory.landed == ()
        assert {index for index, _ in given.inventory.elsewhere} == known & model.locked
        model.assigned |= set(objects)

    @rule(
        node=nodes, objects=some_objects, held=some_chunks, landed=some_objects, locked=some_objects
    )
    def took_inventory(
        self,
        node: NodeId,
        objects: tuple[ObjectIndex, ...],
        held: tuple[ChunkIndex, ...],
        landed: tuple[ObjectIndex, ...],
        locked: tuple[ObjectIndex, ...],
    ) -> None:
        there = [index for index in landed if index in objects]
        busy = [index for index in locked if index in objects and index not in there]
        self.assignments.took_inventory(node, objects, inventory(held, there, busy))
        if model := self.models.get(node):
            model.inspected |= set(objects) & model.assigned
            model.landed |= set(there)
            model.held |= set(held)
            model.locked = (model.locked - set(objects)) | set(busy)

    @rule(node=nodes, came=some_chunks, lost=some_chunks, landed=some_objects)
    def reported(
        self,
        node: NodeId,
        came: tuple[ChunkIndex, ...],
        lost: tuple[ChunkIndex, ...],
        landed: tuple[ObjectIndex, ...],
    ) -> None:
        events: list[NodeEvent] = [
            *(ChunkHeld(OrderId(1), chunk, 1, None, 1, 0.5, 0.5) for chunk in came),
            *map(ChunkLost, lost),
            *map(ObjectLanded, landed),
        ]
        self.assignments.reported(node, NodeReport(1, tuple(events), NodeCounters()))
        if model := self.models.get(node):
            model.held = (model.held | set(came)) - set(lost)
            model.landed |= set(landed)
            model.locked -= set(landed)

    @rule(node=nodes, held=some_chunks, landed=some_objects)
    def reported_all(
        self, node: NodeId, held: tuple[ChunkIndex, ...], landed: tuple[ObjectIndex, ...]
    ) -> None:
        """A full report replaces what was known of chunks."""
        full = inventory(held, landed, ())
        self.assignments.reported(node, NodeReport(1, (), NodeCounters(), full))
        if model := self.models.get(node):
            model.held = set(held)
            model.landed |= set(landed)
            model.inspected |= set(landed) & model.assigned
            model.locked -= set(landed)

    @rule(node=nodes, objects=some_objects)
    def failed(self, node: NodeId, objects: tuple[ObjectIndex, ...]) -> None:
        self.assignments.failed(node, objects)
        if model := self.models.get(node):
            model.assigned -= set(objects)
            model.inspected -= set(objects)

    @rule(node=nodes)
    def forget(self, node: NodeId) -> None:
        self.assignments.forget(node)
        self.models.pop(node, None)

    @rule(node=nodes, index=st.sampled_from(OBJECTS))
    def has(self, node: NodeId, index: ObjectIndex) -> None:
        model = self.models.get(node)
        assert self.assignments.has(node, index) == (model is not None and index in model.assigned)
        assert set(self.assignments) == set(self.models)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
