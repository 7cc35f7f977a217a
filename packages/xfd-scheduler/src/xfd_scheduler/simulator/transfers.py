"""The nodes' side of a simulation: what a data plane does with its orders, over simulated links."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from xfd_api.errors import OriginUnreachableError, PeerError
from xfd_api.ids import ChunkIndex, OrderId
from xfd_api.reports import ChunkHeld, OrderFailed
from xfd_scheduler.simulator.flows import LATENT, RUNNING, Flows
from xfd_scheduler.simulator.node import NO_FLOW, Errand, SimNode
from xfd_scheduler.simulator.outcome import Outcome
from xfd_scheduler.simulator.scenario import STARVED, Scenario

PROMPT_S = 0.03
"""How long an order that is kept waiting keeps its slot; as in the data plane."""

Later = Callable[[float, str, int, int], None]
"""Has `bytes_flow` ("starts") or `yields` called for a flow after so many seconds, if its
generation is still this one."""


class Transfers:
    """Carries out the orders of all nodes. `now` is set by the engine before each call."""

    def __init__(
        self,
        scenario: Scenario,
        sizes: list[int],
        nodes: list[SimNode],
        flows: Flows,
        outcome: Outcome,
        rng: np.random.Generator,
        later: Later,
    ) -> None:
        self.scenario = scenario
        self.sizes = sizes
        self.nodes = nodes
        self.flows = flows
        self.outcome = outcome
        self.rng = rng
        self.later = later
        self.now = 0.0
        self.by_flow: dict[int, Errand] = {}
        self.waiting: dict[tuple[int, int], list[Errand]] = {}
        """By source and chunk: who waits for its first byte there."""

    def work(self, node: SimNode) -> None:
        """Begins what there are slots for."""
        while node.free:
            if node.ready:
                errand = heapq.heappop(node.ready)[2]
                if not errand.over:
                    self._run(node, errand, self.scenario.latency_s)
                continue
            next_one = node.next_errand()
            if next_one is None:
                return
            next_one.began = self.now
            failing = self.scenario.failing
            next_one.fails = bool(failing) and bool(self.rng.random() < failing)
            starving = self.scenario.starving
            next_one.starves = bool(starving) and bool(self.rng.random() < starving)
            node.active[next_one.chunk] = next_one
            self._ask(node, next_one)

    def cancel(self, errand: Errand) -> None:
        """An order under way is cancelled. Who was fed by it waits where the node has another one
        for the chunk, else it fails.
        """
        node = self.nodes[errand.node]
        if errand.over:
            return
        waits = node.has_other_order(errand.chunk)
        for child in self._end(node, errand, whole=False):
            if waits:
                self._ask_again(child)
            else:
                self._fail(child)
        self.work(node)

    def bytes_flow(self, flow: int) -> None:
        """The first byte of a transfer is here."""
        errand = self.by_flow[flow]
        node = self.nodes[errand.node]
        errand.first_byte = self.now
        parent = NO_FLOW
        zones = (node.zone, node.zone)
        most = self.scenario.origin_stream
        if errand.source is not None:
            source = self.nodes[errand.source]
            if not source.alive:
                self._fail(errand)
                return
            if errand.chunk not in source.held:
                parent = source.coming.get(errand.chunk, NO_FLOW)
                if parent == NO_FLOW:
                    self._fail(errand)
                    return
            zones = (node.zone, source.zone)
            most = np.inf
        if errand.starves:
            most = min(most, STARVED * self.scenario.rates_of(node.index)[0])
        size = self.sizes[errand.chunk] * (0.5 if errand.fails else 1.0)
        uneven = self.scenario.uneven
        weight = float(np.exp(self.rng.normal(0.0, uneven))) if uneven else 1.0
        self.flows.start(flow, size, errand.source, zones, parent, most, weight)
        node.coming[errand.chunk] = flow
        if self.scenario.relay:
            self._wake(node.index, errand.chunk)

    def flow_is_over(self, flow: int) -> None:
        """A transfer has all its bytes."""
        if self.flows.state[flow] != RUNNING:
            return
        errand = self.by_flow[flow]
        if errand.fails:
            self._fail(errand)
            return
        node = self.nodes[errand.node]
        size = self.sizes[errand.chunk]
        source = None if errand.source is None else self.nodes[errand.source]
        for done in (errand, *node.behind.pop(errand.chunk, ())):
            if done.order not in node.cancelled:
                node.events.append(
                    ChunkHeld(
                        OrderId(done.order),
                        ChunkIndex(errand.chunk),
                        errand.chunk + 1,
                        None if source is None else source.id,
                        size,
                        self.now - errand.began,
                        self.now - errand.first_byte,
                    )
                )
        node.received_bytes += size
        if source is None:
            node.origin_bytes += size
        else:
            source.sent_bytes += size
        self.outcome.moved(node, source, errand.chunk, size, self.now)
        node.held.add(errand.chunk)
        self._end(node, errand, whole=True)
        self._wake(node.index, errand.chunk)
        if len(node.held) == len(self.sizes) and node.finished is None:
            node.finished = self.now
        self.work(node)

    def die(self, node: SimNode) -> None:
        """The node is gone; whoever fetched from it fails."""
        node.alive = False
        alone = set(node.held)
        for other in self.nodes:
            if other.alive:
                alone -= other.held
        self.outcome.lost_bytes += sum(self.sizes[chunk] for chunk in alone)
        for errand in list(node.active.values()):
            for child in self._end(node, errand, whole=False):
                self._fail(child)
        for other in self.nodes:
            if other.alive:
                for errand in [one for one in other.active.values() if one.source == node.index]:
                    self._fail(errand)

    def _ask(self, node: SimNode, errand: Errand) -> None:
        if errand.source is None:
            self._run(node, errand, self.scenario.origin_latency_s)
            return
        source = self.nodes[errand.source]
        if not source.alive:
            self._fail(errand)
            return
        if errand.chunk in source.held or (self.scenario.relay and errand.chunk in source.coming):
            if source.uploads < self.scenario.settings.upload_slots:
                source.uploads += 1
                errand.uploading = True
                node.waits_no_more(errand)
                if errand.flow != NO_FLOW or node.free:
                    self._run(node, errand, self.scenario.latency_s)
                else:
                    heapq.heappush(node.ready, (*errand.rank, errand))
                return
            source.upload_queue.append(errand)
        else:
            self.waiting.setdefault((errand.source, errand.chunk), []).append(errand)
        if errand.waits or errand.flow != NO_FLOW:
            return
        if not node.free:  # The slot that it gave up to ask again went to another order.
            node.waits(errand)
        else:
            flow = self._take_slot(node, errand)
            self.later(PROMPT_S, "yields", flow, self.flows.generation[flow])

    def _ask_again(self, errand: Errand) -> None:
        """The body was cut; it is asked for again, from its beginning."""
        if errand.over or errand.flow == NO_FLOW:
            return
        node = self.nodes[errand.node]
        if node.coming.get(errand.chunk) == errand.flow:
            del node.coming[errand.chunk]
        for child in [self.by_flow[one] for one in self._give_slot(node, errand)]:
            self._ask_again(child)
        self._release_upload(errand)
        self._ask(node, errand)

    def yields(self, flow: int) -> None:
        """An order has been kept waiting for so long that another one may have its slot."""
        errand = self.by_flow[flow]
        if errand.uploading:
            return
        node = self.nodes[errand.node]
        self._give_slot(node, errand)
        node.waits(errand)
        self.work(node)

    def _take_slot(self, node: SimNode, errand: Errand) -> int:
        flow = errand.flow = node.free.pop()
        self.by_flow[flow] = errand
        self.flows.state[flow] = LATENT
        return flow

    def _give_slot(self, node: SimNode, errand: Errand, *, whole: bool = False) -> list[int]:
        flow, errand.flow = errand.flow, NO_FLOW
        del self.by_flow[flow]
        node.free.append(flow)
        if not whole and self.flows.state[flow] == RUNNING:
            node.thrown_bytes += float(self.flows.got[flow])
        return self.flows.stop(flow, whole=whole)

    def _run(self, node: SimNode, errand: Errand, latency_s: float) -> None:
        flow = errand.flow
        if flow == NO_FLOW:
            flow = self._take_slot(node, errand)
        latency_s += self.scenario.order_overhead_s
        self.later(latency_s, "starts", flow, self.flows.generation[flow])

    def _end(self, node: SimNode, errand: Errand, *, whole: bool) -> list[Errand]:
        """The errand is over; returns those of other nodes that were fed by it."""
        errand.over = True
        node.active.pop(errand.chunk, None)
        node.waits_no_more(errand)
        fed: list[Errand] = []
        if errand.flow != NO_FLOW:
            if node.coming.get(errand.chunk) == errand.flow:
                del node.coming[errand.chunk]
            fed = [self.by_flow[child] for child in self._give_slot(node, errand, whole=whole)]
        if not whole:
            for other in node.behind.pop(errand.chunk, ()):
                node.queue_up(other)
        self._release_upload(errand)
        return fed

    def _release_upload(self, errand: Errand) -> None:
        if not errand.uploading or errand.source is None:
            return
        errand.uploading = False
        source = self.nodes[errand.source]
        source.uploads -= 1
        while source.upload_queue and source.uploads < self.scenario.settings.upload_slots:
            waiter = source.upload_queue.popleft()
            if not waiter.over:
                self._ask(self.nodes[waiter.node], waiter)

    def _wake(self, index: int, chunk: int) -> None:
        for errand in self.waiting.pop((index, chunk), ()):
            if not errand.over:
                node = self.nodes[errand.node]
                self._ask(node, errand)
                self.work(node)

    def _drop(self, node: SimNode, errand: Errand) -> None:
        for child in self._end(node, errand, whole=False):
            self._fail(child)
        self.work(node)

    def _fail(self, errand: Errand) -> None:
        node = self.nodes[errand.node]
        if errand.over:
            return
        source = None if errand.source is None else self.nodes[errand.source].id
        error = (
            OriginUnreachableError("The connection broke")
            if source is None
            else PeerError("The connection broke")
        )
        node.events.append(
            OrderFailed(
                OrderId(errand.order),
                ChunkIndex(errand.chunk),
                source,
                error,
                "origin" if source is None else "peer",
            )
        )
        self.outcome.failed_orders += 1
        self._drop(node, errand)
