"""Other ways to spread the same chunks, for comparison in the same simulator.

    straight       every node reads everything from the origin
    chain          each node fetches from the node before it
    binary-tree    each node fetches from its parent
    random         any missing chunk from any holder
    tick-rarest    rarest first on a tick of 100 ms, one destination per chunk and tick
    local-rarest   as BitTorrent without tit-for-tat: every node for itself, rarest first among 40
                   neighbours, 5 uploads each

All but the first read each chunk once from the origin.
"""

# ruff: noqa: ARG002 - every scheduler gets the time, and some do not use it
from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from xfd_api.ids import ChunkIndex, NodeId, OrderId
from xfd_api.orders import Fetch, Order
from xfd_api.reports import ChunkHeld
from xfd_scheduler.events import CatalogGrew, Event, InventoryTaken, Reported
from xfd_scheduler.simulator.scenario import Scenario

TICK_S = 0.1
NEIGHBOURS = 40
UNCHOKED = 5


class Fixed:
    """Orders everything at the start, along fixed paths."""

    def __init__(self, source_of: Callable[[int], int | None]) -> None:
        self.source_of = source_of
        self.nodes: list[NodeId] = []
        self.chunks = 0
        self.planned = 0

    def handle(self, event: Event, now: float) -> None:
        """Counts chunks and nodes."""
        if isinstance(event, CatalogGrew):
            self.chunks += len(event.catalog.chunks)
        elif isinstance(event, InventoryTaken):
            self.nodes.append(event.node)

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """All orders, for nodes that have none yet."""
        given: dict[NodeId, list[Order]] = {}
        for place in range(self.planned, len(self.nodes)):
            above = self.source_of(place)
            source = None if above is None else self.nodes[above]
            first = OrderId(place << 32)
            given[self.nodes[place]] = [Fetch(first, ChunkIndex(0), self.chunks, source)]
        self.planned = len(self.nodes)
        return given

    def next_wakeup(self) -> float | None:
        """Never."""
        return None


class Tracker:
    """Knows which node holds what, and gives out single orders; subclasses say how."""

    def __init__(self, scenario: Scenario) -> None:
        self.rng = np.random.default_rng(scenario.seed)
        self.slots = scenario.settings.download_slots
        self.uploads_each = scenario.settings.upload_slots
        self.nodes: list[NodeId] = []
        self.number: dict[NodeId, int] = {}
        self.chunks = 0
        self.holders: list[set[int]] = []
        self.missing: list[set[int]] = []
        self.queued: list[int] = []
        self.uploads: list[int] = []
        self.read: set[int] = set()
        self.orders = 0

    def handle(self, event: Event, now: float) -> None:
        """Books chunks that arrived."""
        if isinstance(event, CatalogGrew):
            self.chunks += len(event.catalog.chunks)
            self.holders.extend(set() for _ in event.catalog.chunks)
        elif isinstance(event, InventoryTaken):
            self.number[event.node] = len(self.nodes)
            self.nodes.append(event.node)
            self.missing.append(set(range(self.chunks)))
            self.queued.append(0)
            self.uploads.append(0)
        elif isinstance(event, Reported):
            node = self.number[event.node]
            for one in event.report.events:
                if isinstance(one, ChunkHeld):
                    self.holders[one.chunk].add(node)
                    self.queued[node] -= 1
                    if one.source is not None:
                        self.uploads[self.number[one.source]] -= 1

    def plan(self, now: float) -> dict[NodeId, list[Order]]:
        """Orders by the rule of the subclass."""
        given: dict[NodeId, list[Order]] = {}
        for node, chunk, source in self.choose(now):
            self.missing[node].discard(chunk)
            self.queued[node] += 1
            if source is None:
                self.read.add(chunk)
            else:
                self.uploads[source] += 1
            self.orders += 1
            name = None if source is None else self.nodes[source]
            fetch = Fetch(OrderId(self.orders), ChunkIndex(chunk), 1, name)
            given.setdefault(self.nodes[node], []).append(fetch)
        return given

    def next_wakeup(self) -> float | None:
        """Never; reports make it plan."""
        return None

    def choose(self, now: float) -> Iterable[tuple[int, int, int | None]]:
        """Node, chunk and source of each order to give."""
        raise NotImplementedError


class RandomChoice(Tracker):
    """Any missing chunk from any of its holders."""

    def choose(self, now: float) -> Iterable[tuple[int, int, int | None]]:
        """As the class says."""
        for node in range(len(self.nodes)):
            tries = 0
            while self.queued[node] < 2 * self.slots and self.missing[node] and tries < 64:
                tries += 1
                chunk = int(self.rng.choice(list(self.missing[node])))
                if self.holders[chunk]:
                    yield node, chunk, int(self.rng.choice(list(self.holders[chunk])))
                elif chunk not in self.read:
                    yield node, chunk, None


class TickRarest(Tracker):
    """Rarest first on a tick, one destination per chunk and tick."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.then = 0.0

    def next_wakeup(self) -> float | None:
        """The next tick."""
        return self.then

    def choose(self, now: float) -> Iterable[tuple[int, int, int | None]]:
        """As the class says."""
        if now < self.then:
            return
        self.then = now + TICK_S
        for chunk in sorted(range(self.chunks), key=lambda one: len(self.holders[one])):
            wanting = [
                node
                for node in range(len(self.nodes))
                if chunk in self.missing[node] and self.queued[node] < self.slots
            ]
            if not wanting:
                continue
            node = min(wanting, key=self.queued.__getitem__)
            able = [peer for peer in self.holders[chunk] if self.uploads[peer] < self.uploads_each]
            if able:
                yield node, chunk, min(able, key=self.uploads.__getitem__)
            elif not self.holders[chunk] and chunk not in self.read:
                yield node, chunk, None


class LocalRarest(Tracker):
    """Every node for itself: rarest among its neighbours first."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.neighbours: dict[int, set[int]] = {}

    def choose(self, now: float) -> Iterable[tuple[int, int, int | None]]:
        """As the class says."""
        count = len(self.nodes)
        for node in range(count):
            if self.queued[node] >= self.slots or not self.missing[node]:
                continue
            if node not in self.neighbours:
                others = self.rng.permutation(count)[: NEIGHBOURS + 1].tolist()
                self.neighbours[node] = {other for other in others if other != node}
            near = self.neighbours[node]
            order = [int(chunk) for chunk in self.rng.permutation(list(self.missing[node]))]
            order.sort(key=lambda chunk: len(self.holders[chunk] & near))
            for chunk in order:
                if self.queued[node] >= self.slots:
                    break
                able = [p for p in self.holders[chunk] & near if self.uploads[p] < UNCHOKED]
                if able:
                    yield node, chunk, min(able, key=self.uploads.__getitem__)
                elif chunk not in self.read:
                    yield node, chunk, None


COMPARATORS: dict[str, Callable[[Scenario], Fixed | Tracker]] = {
    "straight": lambda _: Fixed(lambda _node: None),
    "chain": lambda _: Fixed(lambda node: node - 1 if node else None),
    "binary-tree": lambda _: Fixed(lambda node: (node - 1) // 2 if node else None),
    "random": RandomChoice,
    "tick-rarest": TickRarest,
    "local-rarest": LocalRarest,
}
