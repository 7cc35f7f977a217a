"""The nodes of a simulation: they do what a data plane does with its orders."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from xfd_api.errors import OriginUnreachableError, PeerError
from xfd_api.ids import ChunkIndex, OrderId
from xfd_api.reports import ChunkHeld, OrderFailed
from xfd_scheduler.simulator.flows import LATENT, RUNNING, Flows
from xfd_scheduler.simulator.node import NO_FLOW, FetchTask, SimNode
from xfd_scheduler.simulator.outcome import Outcome
from xfd_scheduler.simulator.scenario import STARVED, Scenario

PROMPT_S = 0.03
"""How long an order that waits for its source keeps its slot; as in the data plane."""

Later = Callable[[float, str, int, int], None]
"""Schedules `first_byte_of` ("starts") or `give_up_slot` ("yields") of a flow after some
seconds, if its generation is the same then."""


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
        self.by_flow: dict[int, FetchTask] = {}
        self.waiting: dict[tuple[int, int], list[FetchTask]] = {}
        """By source and chunk: tasks that wait for its first byte there."""

    def work(self, node: SimNode) -> None:
        """Starts tasks while there are free slots."""
        while node.free:
            if node.ready:
                task = heapq.heappop(node.ready)[2]
                if not task.over:
                    self._run(node, task, self.scenario.latency_s)
                continue
            next_one = node.next_task()
            if next_one is None:
                return
            next_one.began = self.now
            failing = self.scenario.failing
            next_one.fails = bool(failing) and bool(self.rng.random() < failing)
            starving = self.scenario.starving
            next_one.starves = bool(starving) and bool(self.rng.random() < starving)
            node.active[next_one.chunk] = next_one
            self._request(node, next_one)

    def cancel(self, task: FetchTask) -> None:
        """Cancels an active task.

        Tasks that it fed wait if the node has another order for the chunk, and fail if not.
        """
        node = self.nodes[task.node]
        if task.over:
            return
        waits = node.has_other_order(task.chunk)
        for child in self._end(node, task, whole=False):
            if waits:
                self._request_again(child)
            else:
                self._fail(child)
        self.work(node)

    def first_byte_of(self, flow: int) -> None:
        """Starts the flow of a task, whose first byte arrives."""
        task = self.by_flow[flow]
        node = self.nodes[task.node]
        task.first_byte = self.now
        parent = NO_FLOW
        zones = (node.zone, node.zone)
        most = self.scenario.origin_stream
        if task.source is not None:
            source = self.nodes[task.source]
            if not source.alive:
                self._fail(task)
                return
            if task.chunk not in source.held:
                parent = source.incoming.get(task.chunk, NO_FLOW)
                if parent == NO_FLOW:
                    self._fail(task)
                    return
            zones = (node.zone, source.zone)
            most = np.inf
        if task.starves:
            most = min(most, STARVED * self.scenario.rates_of(node.index)[0])
        size = self.sizes[task.chunk] * (0.5 if task.fails else 1.0)
        uneven = self.scenario.uneven
        weight = float(np.exp(self.rng.normal(0.0, uneven))) if uneven else 1.0
        self.flows.start(flow, size, task.source, zones, parent, most, weight)
        node.incoming[task.chunk] = flow
        if self.scenario.relay:
            self._wake(node.index, task.chunk)

    def flow_is_over(self, flow: int) -> None:
        """Ends a transfer that has all its bytes."""
        if self.flows.state[flow] != RUNNING:
            return
        task = self.by_flow[flow]
        if task.fails:
            self._fail(task)
            return
        node = self.nodes[task.node]
        size = self.sizes[task.chunk]
        source = None if task.source is None else self.nodes[task.source]
        for done in (task, *node.duplicates.pop(task.chunk, ())):
            if done.order not in node.cancelled:
                node.events.append(
                    ChunkHeld(
                        OrderId(done.order),
                        ChunkIndex(task.chunk),
                        task.chunk + 1,
                        None if source is None else source.id,
                        size,
                        self.now - task.began,
                        self.now - task.first_byte,
                    )
                )
        node.received_bytes += size
        if source is None:
            node.origin_bytes += size
        self.outcome.moved(node, source, task.chunk, size, self.now)
        node.held.add(task.chunk)
        self._end(node, task, whole=True)
        self._wake(node.index, task.chunk)
        if len(node.held) == len(self.sizes) and node.finished is None:
            node.finished = self.now
        self.work(node)

    def die(self, node: SimNode) -> None:
        """Removes a node; tasks that fetched from it fail."""
        node.alive = False
        alone = set(node.held)
        for other in self.nodes:
            if other.alive:
                alone -= other.held
        self.outcome.lost_bytes += sum(self.sizes[chunk] for chunk in alone)
        for task in list(node.active.values()):
            for child in self._end(node, task, whole=False):
                self._fail(child)
        for other in self.nodes:
            if other.alive:
                for task in [one for one in other.active.values() if one.source == node.index]:
                    self._fail(task)

    def _request(self, node: SimNode, task: FetchTask) -> None:
        if task.source is None:
            self._run(node, task, self.scenario.origin_latency_s)
            return
        source = self.nodes[task.source]
        if not source.alive:
            self._fail(task)
            return
        if task.chunk in source.held or (self.scenario.relay and task.chunk in source.incoming):
            if source.uploads < self.scenario.settings.upload_slots:
                source.uploads += 1
                task.uploading = True
                node.stop_waiting(task)
                if task.flow != NO_FLOW or node.free:
                    self._run(node, task, self.scenario.latency_s)
                else:
                    heapq.heappush(node.ready, (*task.rank, task))
                return
            source.upload_queue.append(task)
        else:
            self.waiting.setdefault((task.source, task.chunk), []).append(task)
        if task.is_waiting or task.flow != NO_FLOW:
            return
        if not node.free:  # Its slot went to another order meanwhile.
            node.start_waiting(task)
        else:
            flow = self._take_slot(node, task)
            self.later(PROMPT_S, "yields", flow, self.flows.generation[flow])

    def _request_again(self, task: FetchTask) -> None:
        """Requests a body again from its beginning, because it was cut."""
        if task.over or task.flow == NO_FLOW:
            return
        node = self.nodes[task.node]
        if node.incoming.get(task.chunk) == task.flow:
            del node.incoming[task.chunk]
        for child in [self.by_flow[one] for one in self._give_slot(node, task)]:
            self._request_again(child)
        self._release_upload(task)
        self._request(node, task)

    def give_up_slot(self, flow: int) -> None:
        """Frees the slot of a task that waited too long for its source."""
        task = self.by_flow[flow]
        if task.uploading:
            return
        node = self.nodes[task.node]
        self._give_slot(node, task)
        node.start_waiting(task)
        self.work(node)

    def _take_slot(self, node: SimNode, task: FetchTask) -> int:
        flow = task.flow = node.free.pop()
        self.by_flow[flow] = task
        self.flows.state[flow] = LATENT
        return flow

    def _give_slot(self, node: SimNode, task: FetchTask, *, whole: bool = False) -> list[int]:
        flow, task.flow = task.flow, NO_FLOW
        del self.by_flow[flow]
        node.free.append(flow)
        if not whole and self.flows.state[flow] == RUNNING:
            node.wasted_bytes += float(self.flows.got[flow])
        return self.flows.stop(flow, whole=whole)

    def _run(self, node: SimNode, task: FetchTask, latency_s: float) -> None:
        flow = task.flow
        if flow == NO_FLOW:
            flow = self._take_slot(node, task)
        latency_s += self.scenario.order_overhead_s
        self.later(latency_s, "starts", flow, self.flows.generation[flow])

    def _end(self, node: SimNode, task: FetchTask, *, whole: bool) -> list[FetchTask]:
        """Ends a task; returns those of other nodes that it fed."""
        task.over = True
        node.active.pop(task.chunk, None)
        node.stop_waiting(task)
        fed: list[FetchTask] = []
        if task.flow != NO_FLOW:
            if node.incoming.get(task.chunk) == task.flow:
                del node.incoming[task.chunk]
            fed = [self.by_flow[child] for child in self._give_slot(node, task, whole=whole)]
        if not whole:
            for other in node.duplicates.pop(task.chunk, ()):
                node.enqueue(other)
        self._release_upload(task)
        return fed

    def _release_upload(self, task: FetchTask) -> None:
        if not task.uploading or task.source is None:
            return
        task.uploading = False
        source = self.nodes[task.source]
        source.uploads -= 1
        while source.upload_queue and source.uploads < self.scenario.settings.upload_slots:
            waiter = source.upload_queue.popleft()
            if not waiter.over:
                self._request(self.nodes[waiter.node], waiter)

    def _wake(self, index: int, chunk: int) -> None:
        for task in self.waiting.pop((index, chunk), ()):
            if not task.over:
                node = self.nodes[task.node]
                self._request(node, task)
                self.work(node)

    def _drop(self, node: SimNode, task: FetchTask) -> None:
        for child in self._end(node, task, whole=False):
            self._fail(child)
        self.work(node)

    def _fail(self, task: FetchTask) -> None:
        node = self.nodes[task.node]
        if task.over:
            return
        source = None if task.source is None else self.nodes[task.source].id
        error = (
            OriginUnreachableError("The connection broke")
            if source is None
            else PeerError("The connection broke")
        )
        node.events.append(
            OrderFailed(
                OrderId(task.order),
                ChunkIndex(task.chunk),
                source,
                error,
                "origin" if source is None else "peer",
            )
        )
        self.outcome.failed_orders += 1
        self._drop(node, task)
