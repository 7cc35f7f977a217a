"""Gives single nodes what others hold already, or will hold, rarest first.

Slow nodes get what they missed, late nodes everything, and any node what failed. What late nodes
missed goes in the order of the chunks: nodes that joined together then fetch the same chunks at a
time, and pass them on to each other.
"""

from __future__ import annotations

from xfd_scheduler.bounds import BACKFILL_SKIPS
from xfd_scheduler.policy.limits import run_limit
from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state.bitset import lowest, positions, run_length
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import order_chunk


class Backfill:
    """Orders single chunks, within the number of assignments that a plan may make."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources
        self._left = 0

    def fill(self, left: int, now: float, *, only_starving: bool) -> int:
        """Fills the queues of nodes that are starving, or of all nodes below their depth.

        Returns:
            How many more assignments may be made.
        """
        self._left = left
        swarm = self.swarm
        for index in positions(self._nodes(only_starving) & swarm.has_open_chunks):
            if self._left <= 0:
                break
            self._fill_node(swarm.members[index], now, only_starving)
        return self._left

    def _nodes(self, only_starving: bool) -> int:
        return self.swarm.starving if only_starving else self.swarm.below_depth

    def _fill_node(self, member: Member, now: float, only_starving: bool) -> None:
        """Orders runs of neighbouring chunks that one source holds."""
        swarm = self.swarm
        mask = member.open & ~swarm.rarity.without_a_copy
        skips = 0
        while mask and skips < BACKFILL_SKIPS and self._left > 0:
            if not self._nodes(only_starving) & member.bit:
                return
            chunk = self._next_chunk(member, mask)
            source = self._sources.choose(member, chunk, now)
            if source == NO_SOURCE:
                mask &= ~(1 << chunk)
                skips += 1
                continue
            limit = 1 if source == ORIGIN else run_length(mask, chunk, run_limit(swarm))
            count = 1
            order_chunk(swarm, member, chunk, source)
            while count < limit and (swarm.holders[chunk + count] >> source) & 1:
                order_chunk(swarm, member, chunk + count, source)
                count += 1
            mask &= member.open
            self._left -= count

    def _next_chunk(self, member: Member, mask: int) -> int:
        """The chunk of `mask` to order next: the first that the node missed, or the rarest."""
        swarm = self.swarm
        priorities = swarm.catalog.by_priority.values()
        for urgent in priorities:
            if missed := mask & member.missed & urgent:
                return lowest(missed)
        return swarm.rarity.rarest(mask, priorities)
