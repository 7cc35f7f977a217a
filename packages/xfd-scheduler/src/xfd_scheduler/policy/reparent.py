"""Moves what quick nodes are to get by way of slow ones, once it is known who is slow.

The first waves go out before anything is known of the links, and a tree that was laid then has
slow nodes at its top as often as quick ones: everybody below them gets these chunks at their pace,
and waits for what they have not even begun to read. So after nodes' classes changed, the orders
under way are looked at again, each chunk's tree from its top. A node below a much slower one moves
to a source that has the chunk, or will have it without a slow node on the way. Where there is none
because the slow node is to read the chunk, the quicker one reads it instead, unless the slow one
may have begun: its bytes would come twice, and nodes that share a slow origin look unequal too.
"""

from __future__ import annotations

from collections import Counter

from xfd_scheduler.links import windows
from xfd_scheduler.policy.backfill import Filling
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import NOBODY, ORIGIN
from xfd_scheduler.state.transitions import Swarm
from xfd_scheduler.tuning import REPARENT_CLASS_GAP, UNSTARTED_READ_SLOTS


class Reseating:
    """Looks at the orders under way after nodes' classes changed."""

    def __init__(self, swarm: Swarm, filling: Filling) -> None:
        self.swarm = swarm
        self._filling = filling
        self._next = 0.0
        self._again = False
        self._before: Counter[int] = Counter()
        """Chunks that were launched before the present one, for each slow node."""

    def look(self, now: float) -> None:
        """At most once in the time between two exchanges, because orders go out with these."""
        swarm = self.swarm
        if now < self._next or not (swarm.speeds.classes_changed or self._again):
            return
        self._next = now + windows.assumed_interval(swarm.settings, len(swarm.members))
        swarm.speeds.classes_changed = self._again = False
        slow = sum(
            member.bit
            for member in swarm.members.values()
            if member.speed_class >= REPARENT_CLASS_GAP
        )
        if not slow or not swarm.speeds.fast_ones_suffice:
            return
        self._before.clear()
        for chunk in sorted(positions(swarm.coming), key=swarm.launches.__getitem__):
            self._reseat(chunk, now)
            self._before.update(positions(swarm.pending[chunk] & slow))

    def _reseat(self, chunk: int, now: float) -> None:
        """Moves nodes of one chunk's tree; those above a node come before it."""
        swarm = self.swarm
        members = swarm.members
        pending = swarm.pending[chunk]
        slowest = {ORIGIN: 0}
        """The highest class on each node's way to the chunk."""
        for last in positions(pending):
            way = []
            node = last
            while node not in slowest and pending >> node & 1:
                way.append(node)
                node = swarm.source_of(node, chunk)
            if node not in slowest:
                slowest[node] = members[node].speed_class
            for below in reversed(way):
                member = members[below]
                source = swarm.source_of(below, chunk)
                if (
                    source != ORIGIN
                    and members[source].speed_class >= member.speed_class + REPARENT_CLASS_GAP
                ):
                    source = self._moved(member, chunk, members[source], slowest, now)
                slowest[below] = max(slowest[source], member.speed_class)

    def _moved(
        self, member: Member, chunk: int, slow: Member, slowest: dict[int, int], now: float
    ) -> int:
        """Moves the node's order where it can be; returns its source."""
        swarm = self.swarm
        holding = swarm.holders[chunk]
        among = 0
        for node in positions((holding | swarm.pending[chunk]) & swarm.offering):
            if holding >> node & 1:
                slowest.setdefault(node, swarm.members[node].speed_class)
            if slowest.get(node, member.speed_class + 1) <= member.speed_class:
                among |= 1 << node
        zone = swarm.zone_mask(member)
        if zone & slow.bit:
            among &= zone
        best = self._filling.peer(member, chunk, now, among)
        if best != NOBODY:
            swarm.move(member, chunk, best)
            return best
        if self._before[slow.index] >= UNSTARTED_READ_SLOTS * swarm.settings.download_slots:
            # Once a quick one reads it, those that were looked at before can get it from there.
            self._again = True
            if self._filling.read_instead(member, slow, chunk, now):
                return ORIGIN
        return slow.index
