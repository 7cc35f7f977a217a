"""Moves orders of fast nodes that depend on slow nodes, once speed classes are known.

The first waves leave before anything is known of the links, so slow nodes stand at the top of trees
as often as fast ones. All nodes below them receive these chunks at their pace, and wait for reads
that have not started. So when classes change, this module examines all pending orders, each chunk's
tree from its top, and afterwards again those chunks of which some node found no better source.

A node below a much slower one moves to a source that has the chunk, or will have it without a slow
node on its path. If there is none because a slow node at the top is to read the chunk, the faster
node reads it instead. It does not if the slow node may have started: nodes that share a slow origin
seem unequal too. But a node that became slow gives up what it has started as well.
"""

from __future__ import annotations

from bisect import bisect_left

from xfd_scheduler.links import windows
from xfd_scheduler.policy.end_game import take_over_read
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import top_of
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import move_order
from xfd_scheduler.tuning import REPARENT_CLASS_GAP, UNSTARTED_READ_SLOTS


class Reparent:
    """Examines pending orders after nodes' classes changed."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources
        self._next = 0.0
        self._stuck = 0
        """Chunks of which some node had no better source at the last look, as a bit set."""
        self._launches: dict[int, list[int]] = {}
        """For slow readers, the launch numbers of their pending chunks in order, in this look."""

    def look(self, now: float) -> None:
        """Examines chunks, at most once between two exchanges, with which orders leave."""
        swarm = self.swarm
        chunks = swarm.pending_chunks if swarm.links.classes_changed else self._stuck
        if now < self._next or not chunks:
            return
        self._next = now + windows.assumed_interval(swarm.settings, len(swarm.members))
        swarm.links.classes_changed = False
        self._stuck = 0
        slowest = max((member.speed_class for member in swarm.members.values()), default=0)
        if slowest < REPARENT_CLASS_GAP or not swarm.links.classes_apply:
            return
        self._launches.clear()
        pending = positions(chunks & swarm.pending_chunks)
        for chunk in sorted(pending, key=swarm.launch_number.__getitem__):
            self._look_at_tree(chunk, now)

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
        best = self._sources.soonest(member, chunk, now, among)
        if best != NO_SOURCE:
            move_order(swarm, member, chunk, best)
            return best
        # Once a fast node has it or reads it, nodes that were examined before can receive it there.
        self._stuck |= 1 << chunk
        reader = top_of(swarm, slow.index, chunk)
        is_late = swarm.links.slowed >> reader & 1 or not self._has_started(reader, chunk)
        if is_late and take_over_read(swarm, member, chunk, now):
            return ORIGIN
        return slow.index

    def _has_started(self, reader: int, chunk: int) -> bool:
        """Whether the node may have started to read the chunk, by how many it fetches before."""
        swarm = self.swarm
        launches = self._launches.get(reader)
        if launches is None:
            mine = positions(swarm.pending_chunks & swarm.members[reader].wants)
            launches = sorted(
                swarm.launch_number[one] for one in mine if swarm.pending[one] >> reader & 1
            )
            self._launches[reader] = launches
        before = bisect_left(launches, swarm.launch_number[chunk])
        return before < UNSTARTED_READ_SLOTS * swarm.settings.download_slots
