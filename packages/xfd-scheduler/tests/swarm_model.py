"""A model of a swarm: its holders and readers, and which orders may follow.

A chunk is read from the origin only if no node can give it. A node can if it is not banned, and
holds the chunk or is reading it; with one read per zone, it also has to be in the same zone. The
one exception is a node whose orders for the chunk failed half as often as allowed.

An order to read is cancelled only for a reason: the object was given up, the node reported
something bad about it, or time has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xfd_api.ids import NodeId
from xfd_api.orders import Cancel, Discard, Fetch, Order
from xfd_scheduler.scheduler import SchedulerSettings
from xfd_scheduler.tuning import TAKE_OVER_READ_S, UNSTARTED_READ_SLOTS


@dataclass(slots=True)
class Running:
    """An order that was given and not reported."""

    order: int
    source: NodeId | None
    since: float


@dataclass(slots=True)
class Model:
    """Follows the events of a swarm; `planned` raises AssertionError if orders are not allowed.

    Attributes:
        siblings: all chunks of a chunk's object.
        holds: the chunks that each node reported.
        running: orders by node and chunk.
        tries: failures by node and chunk.
        blamed: nodes that another one may have blamed for bad bytes.
        excused: chunks of which orders to read may be cancelled.
        silent: nodes that do not answer: nobody waits for them.
        heard_again: nodes that did not; what others have read meanwhile they receive from these.
        doubted: chunks with copies of different checksums.
        given_up: chunks of which the latest plan cancelled a read, so another node may read them.
    """

    settings: SchedulerSettings
    siblings: Callable[[int], list[int]]
    zone_of: dict[str, str] = field(default_factory=dict)
    holds: dict[str, set[int]] = field(default_factory=dict)
    running: dict[tuple[str, int], Running] = field(default_factory=dict)
    tries: dict[tuple[str, int], int] = field(default_factory=dict)
    blamed: set[str] = field(default_factory=set)
    excused: set[int] = field(default_factory=set)
    given_up: set[int] = field(default_factory=set)
    doubted: set[int] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    heard_again: set[str] = field(default_factory=set)

    def joined(self, node: str, zone: str, held: tuple[int, ...]) -> None:
        self.zone_of[node] = zone
        self.holds[node] = set(held)

    def is_silent(self, node: str, *, again: bool) -> None:
        """The node answers no more, or again."""
        if again:
            self.heard_again |= self.silent & {node}
            self.silent.discard(node)
        else:
            self.silent.add(node)

    def lost(self, node: str) -> None:
        self.silent.discard(node)
        del self.holds[node]
        for key in [key for key in self.running if key[0] == node]:
            del self.running[key]

    def held(self, node: str, chunk: int, *, wrong: bool) -> None:
        """The node carried out its order; with a wrong checksum any source may be to blame."""
        running = self.running.pop((node, chunk))
        self.holds[node].add(chunk)
        if wrong:
            self.excused.update(self.siblings(chunk))
            self.doubted.add(chunk)
            self.tries[node, chunk] = self.tries.get((node, chunk), 0) + 1
        if chunk in self.doubted and running.source is not None:
            self.blamed.add(running.source)

    def failed(self, node: str, chunk: int, *, bad_bytes: bool, final: bool) -> None:
        running = self.running.pop((node, chunk))
        self.tries[node, chunk] = self.tries.get((node, chunk), 0) + 1
        if bad_bytes and running.source is not None:
            self.blamed.add(running.source)
        if final or bad_bytes or self.tries[node, chunk] >= self.settings.attempts:
            self.excused.update(self.siblings(chunk))

    def gone(self, node: str, chunk: int) -> None:
        """A node lost its copy."""
        self.holds[node].discard(chunk)

    def forgotten(self, chunks: list[int]) -> None:
        """No lease wants these chunks any more."""
        self.excused.update(chunks)
        for mine in self.holds.values():
            mine.difference_update(chunks)

    def planned(self, given: dict[NodeId, list[Order]], banned: set[str], now: float) -> None:
        """Takes in the orders of one plan."""
        assert banned <= self.blamed
        self.given_up.clear()
        for node, orders in given.items():
            for order in orders:
                if isinstance(order, Discard):
                    for chunk in order.chunks:
                        self.gone(node, chunk)
                        self.excused.add(chunk)
        new: list[tuple[str, int, Running]] = []
        for node, orders in given.items():
            assert node in self.holds, "a lost node is given orders"
            for order in orders:
                if isinstance(order, Fetch):
                    for step in range(order.count):
                        running = Running(order.first_order + step, order.source, now)
                        new.append((node, order.first_chunk + step, running))
                elif isinstance(order, Cancel):
                    ids = range(order.first_order, order.first_order + order.count)
                    new = [each for each in new if each[2].order not in ids]
                    added = sum(each[0] == node for each in new)
                    self._cancelled(node, ids, now, added)
        before = dict(self.running)
        reads: dict[tuple[int, str], int] = {}
        for node, chunk, running in new:
            assert running.source is None or running.source in self.holds, "its source is lost"
            assert running.source not in banned, "its source is banned"
            self.running[node, chunk] = running
            is_taken_over = chunk in self.given_up
            if running.source is None and not (is_taken_over or self._is_impatient(node, chunk)):
                zone = self._zone(node)
                assert not self._others(node, chunk, zone, banned, before), "a peer can give it"
                if node not in banned | self.silent:
                    reads[chunk, zone] = reads.get((chunk, zone), 0) + 1
        assert max(reads.values(), default=0) <= self.settings.origin_copies

    def _cancelled(self, node: str, ids: range, now: float, added: int) -> None:
        """Orders of the node are cancelled by a plan that gave it `added` others before."""
        for key, running in list(self.running.items()):
            if key[0] == node and running.order in ids:
                del self.running[key]
                was_read = running.source is None
                if was_read:
                    self.given_up.add(key[1])
                excused = key[1] in self.excused or now - running.since >= TAKE_OVER_READ_S
                waits = added + sum(other == node for other, _ in self.running)
                excused |= node in self.heard_again
                excused |= waits >= UNSTARTED_READ_SLOTS * self.settings.download_slots
                assert excused or not was_read, "an order to read is cancelled for no reason"

    def _zone(self, node: str) -> str:
        """The zone that the node's chunks come from; empty if any will do."""
        return self.zone_of[node] if self.settings.origin_policy == "once-per-zone" else ""

    def _is_impatient(self, node: str, chunk: int) -> bool:
        return self.tries.get((node, chunk), 0) >= self.settings.attempts // 2

    def _others(
        self,
        node: str,
        chunk: int,
        zone: str,
        banned: set[str],
        running: dict[tuple[str, int], Running],
    ) -> list[str]:
        """Other nodes that hold the chunk, or that an earlier plan ordered to read it."""
        return [
            other
            for other, mine in self.holds.items()
            if other not in banned | self.silent
            and other != node
            and self._zone(other) == zone
            and (
                chunk in mine
                or ((one := running.get((other, chunk))) is not None and one.source is None)
            )
        ]
