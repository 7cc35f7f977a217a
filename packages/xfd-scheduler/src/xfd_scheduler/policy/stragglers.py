"""Orders that take far longer than those beside them, and who is asked instead.

Nodes tell no progress of a running order, only its end, so an order is judged by its age and by
what came meanwhile. It is late after several times the seconds that a chunk of its size usually
takes to that node, and the time that the node's queue takes. Then the question is whose link it is:

    the node received much meanwhile         the order's own: its part of the link was far less than
                                             that of the others
    a few of its orders are late, or all     theirs: as many streams as are left would be faster on
    of them have the same source             a link that carried what it did before
    many of its orders are late, from        the node's: nothing is gained by asking others
    several sources

Likewise the origin, for chunks that nobody else can give: it is asked again for few that are late
or where it gave much to others meanwhile, and left alone where it is slow as a whole.

Only orders whose source has the chunk are judged; what waits for a relay waits for the order above
it. A data plane breaks off a silent or starved stream by itself and long before this; these are the
orders that it does not see, or sees as good enough. Being moved makes the limit of an order twice
as long, so on a link that is slower than anybody knows it comes to its end after a few moves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from xfd_api.ids import OrderId
from xfd_scheduler.intake.failures import Faults
from xfd_scheduler.links import windows
from xfd_scheduler.policy.backfill import Filling
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NOBODY, ORIGIN, key_of
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import (
    FEW_LATE_DIVISOR,
    OVERTAKEN_FACTOR,
    STRAGGLER_INTERVAL_S,
    STRAGGLER_MIN_AGE_S,
    STRAGGLER_ORDERS_PER_LOOK,
    STRAGGLER_PACE_FACTOR,
    STRAGGLER_QUEUE_FACTOR,
    STRAGGLER_UNKNOWN_FACTOR,
    STRAGGLER_UNKNOWN_S,
)


@dataclass(slots=True)
class _Watched:
    """One order from a source that has its chunk.

    Attributes:
        order: its id; another one is watched anew.
        since: when it was there for certain.
        queue_s: the work that its node had to do by then.
        arrived, from_origin: bytes that its node had received, and the origin given, by then.
        moves: how often the node's order for the chunk was moved.
    """

    order: OrderId
    since: float
    queue_s: float
    arrived: int
    from_origin: int
    moves: int = 0


class SlowOrders:
    """Looks at what is under way for long, once in a while."""

    def __init__(self, swarm: Swarm, faults: Faults, filling: Filling) -> None:
        self.swarm = swarm
        self.faults = faults
        self._filling = filling
        self._watched: dict[int, _Watched] = {}
        self._launched: deque[tuple[float, int]] = deque()
        """When there had been how many waves, for as long as that is of interest."""
        self._next = 0.0
        self._cursor = self._extra_cursor = 0

    def next(self) -> float | None:
        """When to look again."""
        return self._next if self.swarm.coming else None

    def look(self, now: float) -> None:
        """Moves orders that are slow."""
        swarm = self.swarm
        if now < self._next:
            return
        self._next = now + STRAGGLER_INTERVAL_S
        if not swarm.coming:
            self._watched.clear()
            self._launched.clear()
            return
        self._forget()
        from_origin = swarm.traffic.from_origin()
        late: dict[int, list[int]] = {}
        for node, chunk, since in self._old(now):
            member = swarm.members[node]
            key = key_of(node, chunk)
            order = swarm.order_id(node, chunk)
            watched = self._watched.get(key)
            if watched is None:
                queue_s = _queue_s(member)
                watched = _Watched(order, since, queue_s, member.arrived_bytes, from_origin)
                self._watched[key] = watched
            if now - watched.since >= self._limit_s(member, chunk, watched):
                late.setdefault(node, []).append(chunk)
        few = max(1, swarm.settings.download_slots // FEW_LATE_DIVISOR)
        sources = {
            (node, chunk): swarm.source_of(node, chunk)
            for node, chunks in late.items()
            for chunk in chunks
        }
        origin_is_slow = sum(source == ORIGIN for source in sources.values()) > few
        for node, chunks in sorted(late.items()):
            member = swarm.members[node]
            its_link = len(chunks) > few and len({sources[node, chunk] for chunk in chunks}) > 1
            for chunk in chunks:
                if sources[node, chunk] != swarm.source_of(node, chunk):
                    continue  # It was moved a moment ago, together with another node's.
                overtaken = self._is_overtaken(member, chunk, from_origin)
                if its_link and not overtaken:
                    continue
                self._elsewhere(member, chunk, now, again=overtaken or not origin_is_slow)

    def _forget(self) -> None:
        """Stops watching orders that are over."""
        swarm = self.swarm
        over = [
            key
            for key, watched in self._watched.items()
            if (node := key >> 32) not in swarm.members
            or not swarm.pending[chunk := key & 0xFFFFFFFF] >> node & 1
            or swarm.order_id(node, chunk) != watched.order
        ]
        for key in over:
            del self._watched[key]

    def _old(self, now: float) -> Iterator[tuple[int, int, float]]:
        """Node and chunk of orders that may be late, and since when they are there at least."""
        swarm = self.swarm
        self._launched.append((now, swarm.launched))
        age = self._usual_limit_s()
        while len(self._launched) > 1 and self._launched[1][0] <= now - age:
            self._launched.popleft()
        then, launched = self._launched[0]
        if then <= now - age:
            for node, chunk in self._of_waves(launched):
                yield node, chunk, then
        if self._extra_cursor >= len(swarm.extra):
            self._extra_cursor = 0
        part = islice(
            swarm.extra, self._extra_cursor, self._extra_cursor + STRAGGLER_ORDERS_PER_LOOK
        )
        for key in list(part):
            node, chunk = key >> 32, key & 0xFFFFFFFF
            if key in swarm.extra and self._is_direct(node, chunk):
                yield node, chunk, now
        self._extra_cursor += STRAGGLER_ORDERS_PER_LOOK

    def _of_waves(self, launched: int) -> Iterator[tuple[int, int]]:
        """Orders of the first `launched` waves."""
        swarm = self.swarm
        looked_at = 0
        below = (1 << self._cursor) - 1
        for part in (swarm.coming & ~below, swarm.coming & below):
            for chunk in positions(part):
                if swarm.launches[chunk] > launched:
                    continue
                if looked_at > STRAGGLER_ORDERS_PER_LOOK:
                    self._cursor = chunk
                    return
                for node in positions(swarm.pending[chunk]):
                    looked_at += 1
                    if key_of(node, chunk) not in swarm.extra and self._is_direct(node, chunk):
                        yield node, chunk
        self._cursor = 0

    def _is_direct(self, node: int, chunk: int) -> bool:
        """Whether the order's source has the chunk."""
        source = self.swarm.source_of(node, chunk)
        return source == ORIGIN or bool(self.swarm.holders[chunk] >> source & 1)

    def _usual_limit_s(self) -> float:
        """After how long it is worth looking at a wave's orders at all."""
        swarm = self.swarm
        settings = swarm.settings
        usual = swarm.speeds.usual_pace * swarm.catalog.mean_size
        interval = windows.assumed_interval(settings, len(swarm.members))
        queue = max(settings.queue_s, settings.report_intervals * interval)
        return STRAGGLER_MIN_AGE_S + STRAGGLER_PACE_FACTOR * usual + STRAGGLER_QUEUE_FACTOR * queue

    def _limit_s(self, member: Member, chunk: int, watched: _Watched) -> float:
        """The age at which the order is late."""
        size = self.swarm.catalog.sizes[chunk]
        if member.usual_pace:
            usually = STRAGGLER_PACE_FACTOR * member.usual_pace * size
        elif self.swarm.speeds.usual_pace:
            usually = (
                STRAGGLER_UNKNOWN_FACTOR
                * STRAGGLER_PACE_FACTOR
                * self.swarm.speeds.usual_pace
                * size
            )
        else:
            usually = STRAGGLER_UNKNOWN_S
        return float(
            (STRAGGLER_MIN_AGE_S + usually + STRAGGLER_QUEUE_FACTOR * watched.queue_s)
            * 2**watched.moves
        )

    def _is_overtaken(self, member: Member, chunk: int, from_origin: int) -> bool:
        """Whether the node's link, or the origin's, carried much while the order was late."""
        swarm = self.swarm
        watched = self._watched[key_of(member.index, chunk)]
        enough = OVERTAKEN_FACTOR * swarm.catalog.sizes[chunk]
        if member.arrived_bytes - watched.arrived >= enough * swarm.settings.download_slots:
            return True
        if swarm.source_of(member.index, chunk) != ORIGIN:
            return False
        return from_origin - watched.from_origin >= enough * max(1, swarm.origin_load)

    def _elsewhere(self, member: Member, chunk: int, now: float, *, again: bool) -> None:
        """Asks somebody else for the chunk; the origin once more only where nobody else has it, and
        where `again` says so.
        """
        swarm = self.swarm
        before = swarm.source_of(member.index, chunk)
        best = self._filling.another(member, chunk, before, now)
        if best != NOBODY:
            if before != ORIGIN:
                self.faults.strike(swarm.members[before], member, 1, None, now)
            self._move(member, chunk, best, now)
            return
        if before != ORIGIN or not again or now < swarm.origin_rest_until:
            return
        if swarm.holders[chunk] & ~swarm.banned or any(
            swarm.is_rooted(node, chunk, member.index) for node in positions(swarm.pending[chunk])
        ):
            return  # Who has it, or will, is busy.
        for node in swarm.children(member.index, chunk):
            child = swarm.members[node]
            if (
                swarm.offering & child.bit
                and child.speed_class <= member.speed_class
                and swarm.may_read_origin(child, 1)
            ):
                self._move(member, chunk, node, now)
                self._move(child, chunk, ORIGIN, now)
                swarm.last_reader[chunk] = node
                return
        self._move(member, chunk, ORIGIN, now)

    def _move(self, member: Member, chunk: int, source: int, now: float) -> None:
        swarm = self.swarm
        swarm.move(member, chunk, source)
        key = key_of(member.index, chunk)
        before = self._watched.pop(key, None)
        moves = 1 if before is None else before.moves + 1
        self._watched[key] = _Watched(
            swarm.order_id(member.index, chunk),
            now,
            _queue_s(member),
            member.arrived_bytes,
            swarm.traffic.from_origin(),
            moves,
        )


def _queue_s(member: Member) -> float:
    """Seconds of work that the node is ordered to do, as far as is known."""
    return member.queued_bytes / member.down if member.down else 0.0
