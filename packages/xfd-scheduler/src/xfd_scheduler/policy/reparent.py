"""Moves orders of fast nodes that depend on slow nodes, once speed classes are known.

The first waves leave before anything is known of the links, so slow nodes stand at the top of trees
as often as fast ones. All nodes below them receive these chunks at their pace, and wait for reads
that have not started. So when classes change, this module examines all pending orders, each chunk's
tree from its top. A node below a much slower one moves to a source that has the chunk, or will have
it without a slow node on its path. If there is none because the slow node is to read the chunk, the
faster node reads it instead. It does not if the slow node may have started: the bytes would be
transferred twice, and nodes that share a slow origin seem unequal too.
"""

from __future__ import annotations

from collections import Counter

from xfd_scheduler.links import windows
from xfd_scheduler.policy.end_game import take_over_read
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import move_order
from xfd_scheduler.tuning import REPARENT_CLASS_GAP, UNSTARTED_READ_SLOTS


class Reparent:
    """Examines pending orders after nodes' classes changed."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources
        self._next = 0.0
        self._again = False
        self._earlier_orders: Counter[int] = Counter()
        """For each slow node, its pending chunks that were launched before the present one."""

    def look(self, now: float) -> None:
        """Examines all chunks, at most once between two exchanges, with which orders leave."""
        swarm = self.swarm
        if now < self._next or not (swarm.links.classes_changed or self._again):
            return
        self._next = now + windows.assumed_interval(swarm.settings, len(swarm.members))
        swarm.links.classes_changed = self._again = False
        slow = sum(
            member.bit
            for member in swarm.members.values()
            if member.speed_class >= REPARENT_CLASS_GAP
        )
        if not slow or not swarm.links.classes_apply:
            return
        self._earlier_orders.clear()
        for chunk in sorted(positions(swarm.pending_chunks), key=swarm.launch_number.__getitem__):
            self._look_at_tree(chunk, now)
            self._earlier_orders.update(positions(swarm.pending[chunk] & slow))

    def _look_at_tree(self, chunk: int, now: float) -> None:
        """Moves nodes of one chunk's tree; the nodes above a node come before it."""
        swarm = self.swarm
        members = swarm.members
        pending = swarm.pending[chunk]
        slowest_on_path = {ORIGIN: 0}
        """The highest class on each node's path to the chunk."""
        for last in positions(pending):
            path = []
            node = last
            while node not in slowest_on_path and pending >> node & 1:
                path.append(node)
                node = swarm.source_of(node, chunk)
            if node not in slowest_on_path:
                slowest_on_path[node] = members[node].speed_class
            for node in reversed(path):
                member = members[node]
                source = swarm.source_of(node, chunk)
                if (
                    source != ORIGIN
                    and members[source].speed_class >= member.speed_class + REPARENT_CLASS_GAP
                ):
                    source = self._move(member, chunk, members[source], slowest_on_path, now)
                slowest_on_path[node] = max(slowest_on_path[source], member.speed_class)

    def _move(
        self,
        member: Member,
        chunk: int,
        slow: Member,
        slowest_on_path: dict[int, int],
        now: float,
    ) -> int:
        """Moves the node's order away from a slow source, if it can; returns its source."""
        swarm = self.swarm
        holding = swarm.holders[chunk]
        among = 0
        for node in positions((holding | swarm.pending[chunk]) & swarm.available):
            if holding >> node & 1:
                slowest_on_path.setdefault(node, swarm.members[node].speed_class)
            if slowest_on_path.get(node, member.speed_class + 1) <= member.speed_class:
                among |= 1 << node
        zone = swarm.zone_mask(member)
        if zone & slow.bit:
            among &= zone
        best = self._sources.peer(member, chunk, now, among)
        if best != NO_SOURCE:
            move_order(swarm, member, chunk, best)
            return best
        unstarted = UNSTARTED_READ_SLOTS * swarm.settings.download_slots
        if self._earlier_orders[slow.index] >= unstarted:
            # Once a fast node reads it, nodes that were examined before can receive it from there.
            self._again = True
            if take_over_read(swarm, member, slow, chunk, now):
                return ORIGIN
        return slow.index
