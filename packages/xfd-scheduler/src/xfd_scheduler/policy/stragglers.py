"""Moves orders that take far longer than those beside them.

`order_ages` says which orders are late. This module decides whose link is slow:

    few of its orders are late, or all       the sources': as many streams as are left would be
    of them have the same source             faster on a link that carries what it did before
    many of its orders are late, from        the node's: other sources would not help
    several sources

The same holds for the origin, for chunks that no other node can give. It is asked again for a few
late orders, but not if it is slow as a whole.

A data plane breaks off a silent or starved stream by itself, and long before this. These are orders
that it does not notice, or considers good enough.
"""

from __future__ import annotations

from xfd_scheduler.policy.order_ages import OrderAges
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of, is_fed
from xfd_scheduler.state.resting import strike
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import move_order
from xfd_scheduler.tuning import FEW_LATE_DIVISOR, STRAGGLER_INTERVAL_S


class Stragglers:
    """Examines pending orders at intervals."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources
        self._ages = OrderAges(swarm)
        self._next = 0.0

    def next_look(self) -> float | None:
        """When to examine the orders again; None if none is pending."""
        return self._next if self.swarm.pending_chunks else None

    def look(self, now: float) -> None:
        """Moves orders that are late, if it is time to look."""
        swarm = self.swarm
        if now < self._next:
            return
        self._next = now + STRAGGLER_INTERVAL_S
        if not swarm.pending_chunks:
            self._ages.clear()
            return
        late = self._ages.late_orders(now)
        sources = {
            (node, chunk): swarm.source_of(node, chunk)
            for node, chunks in late.items()
            for chunk in chunks
        }
        few = max(1, swarm.settings.download_slots // FEW_LATE_DIVISOR)
        origin_is_slow = sum(source == ORIGIN for source in sources.values()) > few
        for node, chunks in sorted(late.items()):
            member = swarm.members[node]
            own_sources = {sources[node, chunk] for chunk in chunks}
            if len(chunks) > few and len(own_sources) > 1:
                continue
            for chunk in chunks:
                if sources[node, chunk] != swarm.source_of(node, chunk):
                    continue  # It was just moved together with another node's order.
                self._ask_another(member, chunk, now, may_read_again=not origin_is_slow)

    def _ask_another(self, member: Member, chunk: int, now: float, *, may_read_again: bool) -> None:
        """Moves the order to another source; to the origin again only if no node has the chunk."""
        swarm = self.swarm
        before = swarm.source_of(member.index, chunk)
        best = self._sources.other_peer(member, chunk, before, now)
        if best != NO_SOURCE:
            if before != ORIGIN:
                strike(swarm, swarm.members[before], member, 1, None, now)
            self._move(member, chunk, best, now)
            return
        if before != ORIGIN or not may_read_again or now < swarm.origin_rest_until:
            return
        if swarm.holders[chunk] & ~swarm.banned or any(
            is_fed(swarm, node, chunk, member.index) for node in positions(swarm.pending[chunk])
        ):
            return  # A node that has it, or will have it, is busy.
        self._read_again(member, chunk, now)

    def _read_again(self, member: Member, chunk: int, now: float) -> None:
        """Lets a child that is as fast read the chunk in the node's place, or else the node."""
        swarm = self.swarm
        for node in children_of(swarm, member.index, chunk):
            child = swarm.members[node]
            if (
                swarm.available & child.bit
                and child.speed_class <= member.speed_class
                and origin_budget.may_read(swarm, child, 1)
            ):
                self._move(member, chunk, node, now)
                self._move(child, chunk, ORIGIN, now)
                swarm.last_reader[chunk] = node
                return
        self._move(member, chunk, ORIGIN, now)

    def _move(self, member: Member, chunk: int, source: int, now: float) -> None:
        move_order(self.swarm, member, chunk, source)
        self._ages.restart(member, chunk, now)
