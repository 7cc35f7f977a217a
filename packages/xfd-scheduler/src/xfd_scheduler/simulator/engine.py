"""Runs a scenario: virtual time, simulated transfers, the real scheduler.

Each node exchanges with the scheduler once per report interval: it receives the orders that were
planned since the last exchange, and reports what happened meanwhile. Nothing else passes between
them. So orders that follow from a report leave with the next exchange, as in the real loop.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

import numpy as np

from xfd_api.chunking import cut
from xfd_api.chunks import Catalog, CatalogObject, Chunk, FoundObject, Span
from xfd_api.ids import ChunkIndex, NodeId, ObjectIndex
from xfd_api.node_report import NodeReport
from xfd_api.orders import Order
from xfd_api.reports import Inventory
from xfd_scheduler.events import (
    CatalogGrew,
    Event,
    InventoryTaken,
    NodeJoined,
    NodeLost,
    NodeStarting,
    NodeTraits,
    Reported,
    Tick,
)
from xfd_scheduler.simulator.flows import Flows
from xfd_scheduler.simulator.idle import Idle
from xfd_scheduler.simulator.node import SimNode, node_id
from xfd_scheduler.simulator.outcome import Outcome, zone_name
from xfd_scheduler.simulator.scenario import SLOWED, Scenario
from xfd_scheduler.simulator.transfers import Transfers

OBJECT = ObjectIndex(0)
JITTER = 0.1
"""The most by which an interval between two exchanges differs from its mean, as a share."""


class SchedulerLike(Protocol):
    """The part of a scheduler that the engine uses; comparators implement it too."""

    def handle(self, event: Event, now: float) -> None:
        """Applies an event."""
        ...

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """Orders, by node."""
        ...

    def next_wakeup(self) -> float | None:
        """When to plan again."""
        ...


class Engine:
    """One run of one scenario under one scheduler."""

    def __init__(
        self,
        scenario: Scenario,
        scheduler: SchedulerLike,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.scenario = scenario
        self.scheduler = scheduler
        self.clock = clock
        self.rng = np.random.default_rng(scenario.seed)
        self.catalog = catalog_of(scenario)
        self.objects = tuple(item.index for item in self.catalog.objects)
        self.sizes = [chunk.size for chunk in self.catalog.chunks]
        self.now = 0.0
        joiners = round(scenario.joining * scenario.nodes)
        self.most_nodes = scenario.nodes + joiners
        slots = scenario.settings.download_slots
        self.flows = Flows(self.most_nodes, slots, scenario.zones)
        self.flows.capacity[self.flows.origin_link] = scenario.origin
        if scenario.zones > 1:
            first = 2 * self.most_nodes
            self.flows.capacity[first : first + 2 * scenario.zones] = scenario.zone_link
        self.nodes: list[SimNode] = []
        self.number_of: dict[str, int] = {}
        self.agenda: list[tuple[float, int, str, int, int]] = []
        self._counter = 0
        self.outcome = Outcome(scenario, joiners=joiners)
        self.idle: Idle | None = None
        self.transfers = Transfers(
            scenario,
            self.sizes,
            self.nodes,
            self.flows,
            self.outcome,
            self.rng,
            self._later,
        )

    def run(self, limit_s: float | None = None) -> Outcome:
        """Runs until every live node holds every chunk.

        Raises:
            TimeoutError: that takes longer than `limit_s` (default: 50 times the bound, and 60 s).
        """
        scenario = self.scenario
        bound = scenario.bound_s()
        limit = limit_s if limit_s is not None else 50 * bound + 60
        step = scenario.step
        self._send(CatalogGrew(self.catalog))
        for index in range(scenario.nodes):
            if (joins_at := scenario.joins_at(index)) > 0:
                if scenario.expected:
                    self._send(NodeStarting(node_id(index)))
                self._at(joins_at, "joins", index)
            else:
                self._join(index, start=scenario.start_spread_s * index / scenario.nodes)
        self._schedule_faults(bound)
        self._plan()
        while not self._is_over():
            if self.now > limit:
                raise TimeoutError(f"not over after {self.now:.1f} s, bound {bound:.1f} s")
            over = self._step(step)
            self.transfers.now = self.now
            for flow in over.tolist():
                self.transfers.flow_is_over(flow)
            self._run_due()
        self.outcome.finish(self.nodes, self.now)
        return self.outcome

    def watch_idle(self) -> Idle:
        """Books from now on why downlinks are not full."""
        self.idle = Idle(self.nodes, self.flows, len(self.sizes))
        return self.idle

    # Time.

    def _step(self, step: float) -> np.ndarray:
        if step > 0:
            over, took = self.flows.advance(step), step
        else:
            until = self.agenda[0][0] - self.now if self.agenda else 1.0
            over, took = self.flows.advance_exactly(max(until, 0.0))
        self.now += took
        if self.idle is not None:
            self.idle.step(took)
        return over

    def _at(self, time: float, what: str, number: int, generation: int = 0) -> None:
        self._counter += 1
        heapq.heappush(self.agenda, (time, self._counter, what, number, generation))

    def _later(self, after_s: float, what: str, flow: int, generation: int) -> None:
        """Counts from the present event, so that a chain of short delays fits into a step."""
        self._at(self.transfers.now + after_s, what, flow, generation)

    def _run_due(self) -> None:
        """Runs the events that are due, and plans if the scheduler heard of any."""
        has_news = False
        while self.agenda and self.agenda[0][0] <= self.now + 1e-12:
            due, _, what, number, generation = heapq.heappop(self.agenda)
            self.transfers.now = due
            has_news |= self._run_event(what, number, generation)
        wake = self.scheduler.next_wakeup()
        if wake is not None and wake <= self.now:
            self._send(Tick())
            has_news = True
        if has_news:
            self._plan()

    def _run_event(self, what: str, number: int, generation: int) -> bool:
        """Runs an event of a flow or a node; returns whether the scheduler heard of it."""
        match what:
            case "starts":
                if self.flows.generation[number] == generation:
                    self.transfers.first_byte_of(number)
            case "yields":
                if self.flows.generation[number] == generation:
                    self.transfers.give_up_slot(number)
            case "exchanges":
                return self._exchange(self.nodes[number])
            case "dies":
                self.transfers.die(self.nodes[number])
                self._at(self.now + self.scenario.interval_s, "is missed", number)
            case "is missed":
                self._send(NodeLost(self.nodes[number].id))
                return True
            case "joins":
                self._join(number, start=0.0)
                return True
            case "slows":
                self.flows.capacity[[number, self.most_nodes + number]] *= SLOWED
                self.nodes[number].slowed_at = self.now
            case _:
                raise ValueError(f"an event {what!r} is on the agenda")
        return False

    def _exchange(self, node: SimNode) -> bool:
        """The node reports and receives its orders; returns whether it had something to report."""
        if not node.alive:
            return False
        has_news = self._report(node)
        self._deliver(node)
        interval = self.scenario.interval_s * self.rng.uniform(1 - JITTER, 1 + JITTER)
        self._at(self.now + interval, "exchanges", node.index)
        return has_news

    def _schedule_faults(self, bound: float) -> None:
        scenario = self.scenario
        chosen = self.rng.permutation(scenario.nodes)
        dying = round(scenario.dying * scenario.nodes)
        slow = round(scenario.stragglers * scenario.nodes)
        for place, index in enumerate(chosen[:dying].tolist()):
            self._at(bound * (0.1 + 0.8 * place / max(dying, 1)), "dies", index)
        for index in chosen[dying : dying + slow].tolist():
            self._at(bound * 0.5, "slows", index)
        for place in range(self.outcome.joiners):
            when = bound * (0.1 + 0.8 * place / self.outcome.joiners)
            self._at(when, "joins", scenario.nodes + place)

    # The scheduler.

    def _send(self, event: Event) -> None:
        began = self.clock() if self.clock else 0.0
        self.scheduler.handle(event, self.now)
        if self.clock:
            self.outcome.scheduler_s += self.clock() - began

    def _plan(self) -> None:
        began = self.clock() if self.clock else 0.0
        given = self.scheduler.plan(self.now)
        if self.clock:
            self.outcome.scheduler_s += self.clock() - began
        for node, orders in given.items():
            self.nodes[self.number_of[node]].inbox.extend(orders)

    def _report(self, node: SimNode) -> bool:
        if not node.events:
            return False
        node.seq += 1
        report = NodeReport(node.seq, tuple(node.events))
        self.outcome.decisions += len(node.events)
        node.events = []
        self._send(Reported(node.id, report))
        return True

    def _deliver(self, node: SimNode) -> None:
        if node.inbox:
            orders, node.inbox = node.inbox, []
            for task in node.accept(orders, self.number_of):
                self.transfers.cancel(task)
        self.transfers.work(node)

    def _join(self, index: int, start: float) -> None:
        scenario = self.scenario
        slots = self.flows.slots
        flows = range(index * slots, (index + 1) * slots)
        node = SimNode(index, index % scenario.zones, flows, self.now)
        self.nodes.append(node)
        self.number_of[node.id] = index
        down, up = scenario.rates_of(index)
        self.flows.capacity[index] = up
        self.flows.capacity[self.most_nodes + index] = down
        traits = NodeTraits(
            zone_name(node.zone) if scenario.zones > 1 else "",
            down if scenario.known_rates else None,
            up if scenario.known_rates else None,
        )
        self._send(NodeJoined(node.id, f"10.0.0.0:{index}", traits))
        self._send(InventoryTaken(node.id, self.objects, Inventory()))
        self._at(self.now + start, "exchanges", index)

    def _is_over(self) -> bool:
        if len(self.nodes) < self.most_nodes:
            return False
        while self._checked < len(self.nodes):
            node = self.nodes[self._checked]
            if node.alive and node.finished is None:
                return False
            self._checked += 1
        return True

    _checked = 0


def catalog_of(scenario: Scenario) -> Catalog:
    """One object of the scenario's size, or its many small files in packs."""
    total, size = round(scenario.total_bytes), round(scenario.chunk_bytes)
    if scenario.files:
        each = total // scenario.files
        files = tuple(
            CatalogObject(ObjectIndex(index), None, None, FoundObject(f"{index}", each), f"{index}")
            for index in range(scenario.files)
        )
        return Catalog(files, tuple(cut(files)))
    chunks: list[Chunk] = []
    offset = 0
    while offset < total:
        length = min(size, total - offset)
        chunks.append(Chunk(ChunkIndex(len(chunks)), (Span(OBJECT, offset, length),), length))
        offset += length
    found = FoundObject("simulated", total)
    return Catalog((CatalogObject(OBJECT, None, None, found, "simulated"),), tuple(chunks))
