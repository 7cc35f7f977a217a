"""Launches chunks that no node has: some nodes read them, and all others receive them from peers.

A wave is a run of a few neighbouring chunks. One node reads each chunk, or several do, by the
origin policy. Every node that wants the chunk and has room receives it in the same plan, from a
node above it in the chunk's own tree. A chunk enters each zone once and spreads inside.
"""

from __future__ import annotations

from xfd_scheduler.policy.commit import commit_queues, commit_tree
from xfd_scheduler.policy.limits import chunks_per_tree, run_limit
from xfd_scheduler.policy.origin_readers import OriginReaders
from xfd_scheduler.policy.relay_tree import lay_out, reachable
from xfd_scheduler.policy.tree_shape import fan_out_by_node, in_order, rotated
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions, run_length
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import MOST


class Spread:
    """Launches waves, within the number of assignments that a plan may make."""

    def __init__(self, swarm: SwarmState) -> None:
        self.swarm = swarm
        self._left = 0
        self._now = 0.0
        self._readers = OriginReaders(swarm)
        self._latest_priority = -(2**31)

    def launch(self, left: int, now: float) -> int:
        """Launches what there is room for; returns how many more assignments may be made.

        A wave starts when some node is starving, or when half of the nodes that want it are below
        their depth, so that nearly all take part. A chunk that is more urgent than those before
        waits for no room.
        """
        self._left = left
        self._now = now
        swarm = self.swarm
        blocked = 0
        while self._left > 0 and (mask := self._launchable_beside(blocked)):
            chunk = swarm.rarity.rarest(mask, swarm.catalog.by_priority.values())
            wanting = swarm.open_on[chunk]
            if not self._launch_wave(chunk, self._room(chunk, wanting)):
                if origin_budget.is_exhausted(swarm):
                    break
                blocked |= wanting
        return self._left

    def _room(self, chunk: int, wanting: int) -> int:
        """The nodes of `wanting` that may receive the chunk now; none if it should wait."""
        swarm = self.swarm
        if swarm.catalog.priorities[chunk] < self._latest_priority:
            return wanting
        ready = (wanting & swarm.below_depth).bit_count()
        may_start = wanting & swarm.starving or ready >= MOST * wanting.bit_count()
        return wanting & swarm.below_twice_depth if may_start else 0

    def _launchable(self) -> int:
        """Wanted chunks without a copy, as a bit set."""
        return self.swarm.rarity.without_a_copy & self.swarm.open_chunks

    def _launchable_beside(self, blocked: int) -> int:
        """All launchable chunks, or those of one node that is not blocked; bit set.

        A node is blocked if the first chunk that it wants has to wait.
        """
        swarm = self.swarm
        launchable = self._launchable()
        if not blocked:
            return launchable
        for index in positions(swarm.below_depth & swarm.has_open_chunks & ~blocked):
            if mine := launchable & swarm.members[index].open:
                return mine
        return 0

    def _launch_wave(self, first: int, room: int) -> bool:
        """Launches a run of chunks without a copy on nodes with room; False if none may be read."""
        swarm = self.swarm
        receivers = swarm.open_on[first] & room
        if not receivers:
            return False
        limit = run_length(self._launchable(), first, run_limit(swarm))
        count = 1
        priorities = swarm.catalog.priorities
        while (
            count < limit
            and swarm.open_on[first + count] & room == receivers
            and priorities[first + count] == priorities[first]
        ):
            count += 1
        launched = self._launch_run(first, count, receivers)
        self._left -= launched * receivers.bit_count()
        return launched > 0

    def _launch_run(self, first: int, count: int, receivers: int) -> int:
        """Launches chunks in a tree each, or two in a very large swarm; returns how many.

        Neighbours in the run have different nodes at the top, so that all uplinks carry about the
        same at any time. A node whose children all want four chunks at once has a full uplink while
        others are idle.
        """
        swarm = self.swarm
        children = fan_out_by_node(swarm)
        order = in_order(swarm, receivers)
        if not receivers & swarm.available:
            order = order[:1]
            receivers = 1 << order[0]
        launched = 0
        while launched < count:
            chunk = first + launched
            together = min(chunks_per_tree(swarm), count - launched)
            readers = self._readers.choose(order, chunk, together)
            if readers is None and together > 1:
                together = 1
                readers = self._readers.choose(order, chunk, together)
            if readers is None:
                break
            reached = reachable(swarm, readers, order)
            if len(reached) < len(order):
                if launched:
                    break
                order = reached
                receivers = sum(1 << node for node in order)
            below = [node for node in order if node not in readers]
            nodes, parents = lay_out(swarm, readers, below, children)
            commit_tree(swarm, chunk, together, receivers, readers, nodes, parents, self._now)
            launched += together
            self._latest_priority = max(self._latest_priority, swarm.catalog.priorities[chunk])
            order = rotated(swarm, order)
        if launched:
            commit_queues(swarm, first, launched, order)
        return launched
