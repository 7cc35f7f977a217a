"""Moves orders under way to other sources, if these would finish them sooner by enough.

The first waves leave before anything is known of the links, links become slow, and streams starve.
So this module asks of an order again who should send it, for one of two reasons:

    slow source   its source is two speed classes slower than its node
    late          it runs far longer than usual, whatever is known of the links

It examines all pending orders when speed classes change, and otherwise those that are late, and
chunks of which some node found no better source the last time. It goes through each chunk's tree
from its top. A source is better if no node on its path to the chunk is slower than the node that
asks. If there is none because a slow node at the top reads the chunk, a faster node continues the
read. A moved order keeps its bytes, so next to nothing is transferred twice.
"""

from __future__ import annotations

from bisect import bisect_left

from xfd_scheduler.links import windows
from xfd_scheduler.policy.late_orders import LateOrders
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of, is_fed, top_of
from xfd_scheduler.state.resting import strike
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import move_order
from xfd_scheduler.tuning import SLOW_SOURCE_CLASSES, TAKE_OVER_READ_S, UNSTARTED_READ_SLOTS


class Reconsider:
    """Examines pending orders."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources
        self._next = 0.0
        self._ages = LateOrders(swarm)
        self._idle_since: dict[int, float] = {}
        """Since when nodes have nothing left to be ordered."""
        self._stuck = 0
        """Chunks of which some node had no better source at the last look, as a bit set."""
        self._launches: dict[int, list[int]] = {}
        """For slow readers, the launch numbers of their pending chunks in order, in this look."""
        self._worst: dict[int, int] = {}
        """The highest class on the path of each node to the chunk that is examined."""

    def next_look(self) -> float | None:
        """When to look again at the latest; None if no order is pending."""
        return self._ages.next if self.swarm.pending_chunks else None

    def look(self, now: float) -> None:
        """Examines orders, at most once between two exchanges, with which orders leave."""
        swarm = self.swarm
        if swarm.heard_again:
            self._relieve_readers(now)
        if now < self._next or not swarm.pending_chunks:
            return
        self._next = now + windows.assumed_interval(swarm.settings, len(swarm.members))
        idle = positions(swarm.starving & ~swarm.has_open_chunks)
        self._idle_since = {
            node: self._idle_since.get(node, now) for node in idle if swarm.members[node].queued
        }
        late = self._ages.find(now)
        has_changed = swarm.links.classes_changed
        chunks = swarm.pending_chunks & (-1 if has_changed else self._stuck)
        for chunk in late:
            chunks |= 1 << chunk
        swarm.links.classes_changed = False
        self._stuck = 0
        self._launches.clear()
        for chunk in sorted(positions(chunks), key=swarm.launch_number.__getitem__):
            self._look_at_tree(chunk, late.get(chunk, 0), now)

    def _relieve_readers(self, now: float) -> None:
        """Nodes that were silent receive from others what these have read meanwhile."""
        swarm = self.swarm
        for index in positions(swarm.heard_again):
            member = swarm.members[index]
            for chunk in positions(swarm.pending_chunks & member.wants):
                if swarm.pending[chunk] & member.bit and swarm.source_of(index, chunk) == ORIGIN:
                    best = self._sources.soonest(member, chunk, now, ~member.bit)
                    if best != NO_SOURCE:
                        move_order(swarm, member, chunk, best)
        swarm.heard_again = 0

    def _look_at_tree(self, chunk: int, late: int, now: float) -> None:
        """Examines the orders of one chunk's tree; the nodes above a node come before it."""
        swarm = self.swarm
        members = swarm.members
        pending = swarm.pending[chunk]
        worst = self._worst = {ORIGIN: 0}
        for last in positions(pending):
            path = []
            node = last
            while node not in worst and pending >> node & 1:
                path.append(node)
                node = swarm.source_of(node, chunk)
            worst.setdefault(node, members[node].speed_class if node != ORIGIN else 0)
            for node in reversed(path):
                member = members[node]
                source = swarm.source_of(node, chunk)
                if late >> node & 1:
                    self._is_late(member, chunk, source, now)
                elif source != ORIGIN and self._is_slow(members[source], member):
                    self._leave(member, chunk, members[source], now)
                source = swarm.source_of(node, chunk)
                worst[node] = max(worst.get(source, 0), member.speed_class)

    def _is_slow(self, source: Member, member: Member) -> bool:
        """Whether the source is far slower than the node."""
        behind = source.speed_class - member.speed_class
        return behind >= SLOW_SOURCE_CLASSES and self.swarm.links.classes_apply

    def _leave(self, member: Member, chunk: int, slow: Member, now: float) -> None:
        """Moves the order from a slow source to a better one, or continues the read itself."""
        swarm = self.swarm
        best = self._sources.soonest(member, chunk, now, self._better(member, chunk, slow))
        if best != NO_SOURCE:
            move_order(swarm, member, chunk, best)
            return
        # Once a fast node has it, nodes that were examined before can receive it there.
        self._stuck |= 1 << chunk
        self._take_over(member, chunk, now)

    def _take_over(self, member: Member, chunk: int, now: float) -> None:
        """The node continues what a slower node above it reads, if that is far from its end."""
        swarm = self.swarm
        slow = swarm.members[top_of(swarm, member.index, chunk)]
        if not swarm.pending[chunk] & slow.bit or slow.speed_class <= member.speed_class:
            return
        if now < swarm.origin_rest_until or not swarm.available & member.bit:
            return
        if not origin_budget.may_read(swarm, member, 1, given_up=1):
            return
        if (
            swarm.links.slowed & slow.bit
            or self._has_waited(member, chunk, now)
            or not self._has_started(slow.index, chunk)
        ):
            self._read(member, slow, chunk)

    def _has_waited(self, member: Member, chunk: int, now: float) -> bool:
        """Whether the node is idle for so long that it would have read the chunk meanwhile.

        With a slow origin equal nodes seem unequal, and the slow one is about to have the chunk. A
        node that has never read does not know how long that takes.
        """
        takes_s = member.origin_pace * self.swarm.catalog.sizes[chunk]
        waited_s = now - self._idle_since.get(member.index, now)
        return bool(takes_s) and waited_s >= max(TAKE_OVER_READ_S, takes_s)

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

    def _better(self, member: Member, chunk: int, slow: Member) -> int:
        """Nodes that have the chunk, or will without a slower node on their path; bit set."""
        swarm = self.swarm
        holding = swarm.holders[chunk]
        among = 0
        for node in positions((holding | swarm.pending[chunk]) & swarm.available):
            known = swarm.members[node].speed_class if holding >> node & 1 else None
            worst = self._worst.get(node, member.speed_class + 1) if known is None else known
            if worst <= member.speed_class:
                among |= 1 << node
        zone = swarm.zone_mask(member)
        return among & zone if zone & slow.bit else among

    def _is_late(self, member: Member, chunk: int, source: int, now: float) -> None:
        """Moves the order to any other source; a late read is asked again if there is none."""
        swarm = self.swarm
        among = ~swarm.members[source].bit if source != ORIGIN else -1
        best = self._sources.soonest(member, chunk, now, among)
        if best == NO_SOURCE:
            if source == ORIGIN:
                self._read_again(member, chunk, now)
            return
        if source != ORIGIN:
            strike(swarm, swarm.members[source], member, 1, None, now)
        move_order(swarm, member, chunk, best)

    def _read_again(self, member: Member, chunk: int, now: float) -> None:
        """A child that is as fast reads the chunk in the node's place, or else the node again.

        Not if the origin is slow as a whole, or if a node that has it, or will, is only busy.
        """
        swarm = self.swarm
        if self._ages.origin_is_slow or now < swarm.origin_rest_until:
            return
        if swarm.holders[chunk] & ~swarm.unusable or any(
            is_fed(swarm, node, chunk, member.index) for node in positions(swarm.pending[chunk])
        ):
            return
        reader = member
        for node in children_of(swarm, member.index, chunk):
            child = swarm.members[node]
            is_able = swarm.available & child.bit and child.speed_class <= member.speed_class
            if is_able and origin_budget.may_read(swarm, child, 1):
                reader = child
                break
        self._read(reader, member, chunk)

    def _read(self, reader: Member, before: Member, chunk: int) -> None:
        """Lets a node read in another's place, and send to it and to its faster children."""
        swarm = self.swarm
        if reader is not before:
            for node in children_of(swarm, before.index, chunk):
                child = swarm.members[node]
                if child is not reader and child.speed_class < before.speed_class:
                    move_order(swarm, child, chunk, reader.index)
            move_order(swarm, before, chunk, reader.index)
        move_order(swarm, reader, chunk, ORIGIN)
        swarm.last_reader[chunk] = reader.index
