"""How long pending orders run, and from when on one is late.

Nodes report the end of an order but no progress, so an order is judged by its age. It is late after
several times the seconds that a chunk of its size usually takes to that node, plus the time that
the node's queue takes. Each move of an order doubles its limit, so on a link that is slower than
anything known it ends after a few moves.

Only orders whose source has the chunk are judged. An order that waits for a relay depends on the
order above it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from xfd_api.ids import OrderId
from xfd_scheduler.links import windows
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN, key_of, split_key
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import (
    STRAGGLER_MIN_AGE_S,
    STRAGGLER_ORDERS_PER_LOOK,
    STRAGGLER_PACE_FACTOR,
    STRAGGLER_QUEUE_FACTOR,
    STRAGGLER_UNKNOWN_FACTOR,
    STRAGGLER_UNKNOWN_S,
)


@dataclass(slots=True)
class _Watched:
    """One order whose source has its chunk.

    Attributes:
        order: its id; an order with another id is watched anew.
        since: a time at which it ran for certain.
        queue_s: the work that its node had by then.
        moves: how often the node's order for the chunk was moved.
    """

    order: OrderId
    since: float
    queue_s: float
    moves: int = 0


class OrderAges:
    """Watches orders that may be late."""

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self._watched: dict[int, _Watched] = {}
        self._launch_counts: deque[tuple[float, int]] = deque()
        """Times, and how many chunks were launched by then, as far back as matters."""
        self._wave_cursor = self._single_cursor = 0

    def clear(self) -> None:
        """Forgets all, because no order is pending."""
        self._watched.clear()
        self._launch_counts.clear()

    def late_orders(self, now: float) -> dict[int, list[int]]:
        """Chunks of late orders, by node."""
        self._forget_ended()
        late: dict[int, list[int]] = {}
        for node, chunk, since in self._candidates(now):
            member = self.swarm.members[node]
            watched = self._watched.get(key_of(node, chunk))
            if watched is None:
                watched = self._watch(member, chunk, since, moves=0)
            if now - watched.since >= self._limit_s(member, chunk, watched):
                late.setdefault(node, []).append(chunk)
        return late

    def restart(self, member: Member, chunk: int, now: float) -> None:
        """The order was moved: it is watched anew, with twice the limit."""
        before = self._watched.pop(key_of(member.index, chunk), None)
        self._watch(member, chunk, now, moves=1 if before is None else before.moves + 1)

    def _watch(self, member: Member, chunk: int, since: float, *, moves: int) -> _Watched:
        watched = _Watched(
            self.swarm.order_id(member.index, chunk),
            since,
            member.queued_bytes / member.rate if member.rate else 0.0,
            moves,
        )
        self._watched[key_of(member.index, chunk)] = watched
        return watched

    def _forget_ended(self) -> None:
        """Stops watching orders that are over."""
        swarm = self.swarm
        ended = []
        for key, watched in self._watched.items():
            node, chunk = split_key(key)
            if (
                node not in swarm.members
                or not swarm.pending[chunk] >> node & 1
                or swarm.order_id(node, chunk) != watched.order
            ):
                ended.append(key)
        for key in ended:
            del self._watched[key]

    def _candidates(self, now: float) -> Iterator[tuple[int, int, float]]:
        """Node and chunk of orders that may be late, and since when they run at least."""
        swarm = self.swarm
        self._launch_counts.append((now, swarm.launch_count))
        age = self._usual_limit_s()
        while len(self._launch_counts) > 1 and self._launch_counts[1][0] <= now - age:
            self._launch_counts.popleft()
        then, launched = self._launch_counts[0]
        if then <= now - age:
            for node, chunk in self._orders_of_waves(launched):
                yield node, chunk, then
        if self._single_cursor >= len(swarm.single_sources):
            self._single_cursor = 0
        end = self._single_cursor + STRAGGLER_ORDERS_PER_LOOK
        for key in list(islice(swarm.single_sources, self._single_cursor, end)):
            node, chunk = split_key(key)
            if key in swarm.single_sources and self._is_direct(node, chunk):
                yield node, chunk, now
        self._single_cursor = end

    def _orders_of_waves(self, launched: int) -> Iterator[tuple[int, int]]:
        """Orders of the first `launched` chunks that trees made."""
        swarm = self.swarm
        examined = 0
        before_cursor = (1 << self._wave_cursor) - 1
        for part in (swarm.pending_chunks & ~before_cursor, swarm.pending_chunks & before_cursor):
            for chunk in positions(part):
                if swarm.launch_number[chunk] > launched:
                    continue
                if examined > STRAGGLER_ORDERS_PER_LOOK:
                    self._wave_cursor = chunk
                    return
                for node in positions(swarm.pending[chunk]):
                    examined += 1
                    is_single = key_of(node, chunk) in swarm.single_sources
                    if not is_single and self._is_direct(node, chunk):
                        yield node, chunk
        self._wave_cursor = 0

    def _is_direct(self, node: int, chunk: int) -> bool:
        """Whether the order's source has the chunk."""
        source = self.swarm.source_of(node, chunk)
        return source == ORIGIN or bool(self.swarm.holders[chunk] >> source & 1)

    def _usual_limit_s(self) -> float:
        """The age from which on a wave's orders are examined at all."""
        swarm = self.swarm
        settings = swarm.settings
        usual_s = swarm.links.typical_pace * swarm.catalog.mean_size
        interval = windows.assumed_interval(settings, len(swarm.members))
        queue_s = max(settings.queue_s, settings.report_intervals * interval)
        pace_s = STRAGGLER_PACE_FACTOR * usual_s
        return STRAGGLER_MIN_AGE_S + pace_s + STRAGGLER_QUEUE_FACTOR * queue_s

    def _limit_s(self, member: Member, chunk: int, watched: _Watched) -> float:
        """The age from which on the order is late."""
        size = self.swarm.catalog.sizes[chunk]
        if member.typical_pace:
            pace_s = STRAGGLER_PACE_FACTOR * member.typical_pace * size
        elif self.swarm.links.typical_pace:
            factor = STRAGGLER_UNKNOWN_FACTOR * STRAGGLER_PACE_FACTOR
            pace_s = factor * self.swarm.links.typical_pace * size
        else:
            pace_s = STRAGGLER_UNKNOWN_S
        queue_s = STRAGGLER_QUEUE_FACTOR * watched.queue_s
        return float((STRAGGLER_MIN_AGE_S + pace_s + queue_s) * 2**watched.moves)
