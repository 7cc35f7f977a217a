"""Moves the last orders of a node, which waits for slower nodes, to faster sources."""

from __future__ import annotations

from xfd_scheduler.policy.sources import Sources
from xfd_scheduler.state import origin_budget
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import NO_SOURCE, ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of, top_of
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import move_order
from xfd_scheduler.tuning import END_GAME_INTERVALS, TAKE_OVER_READ_S


class EndGame:
    """Examines nodes that have no open chunk left and a queue that is nearly empty."""

    def __init__(self, swarm: SwarmState, sources: Sources) -> None:
        self.swarm = swarm
        self._sources = sources

    def look(self, now: float) -> None:
        """Moves orders whose source is slower than their node."""
        swarm = self.swarm
        for index in positions(swarm.starving & ~swarm.has_open_chunks):
            member = swarm.members[index]
            if not member.queued or now < member.end_game_at:
                continue
            if member.end_game_since is None:
                member.end_game_since = now
            member.end_game_at = now + END_GAME_INTERVALS * (member.interval_s or 0.0)
            for chunk in positions(swarm.pending_chunks & member.wants):
                if swarm.pending[chunk] & member.bit:
                    self._move_to_faster(member, chunk, now)

    def _move_to_faster(self, member: Member, chunk: int, now: float) -> None:
        swarm = self.swarm
        slow = swarm.members.get(swarm.source_of(member.index, chunk))
        if slow is None or slow.speed_class <= member.speed_class:
            return
        holders = swarm.holders[chunk] & swarm.available & ~slow.bit
        if not holders:
            # A node that has never read does not know how long that takes, and takes nothing over.
            takes_s = member.origin_pace * swarm.catalog.sizes[chunk]
            waited_s = now - (member.end_game_since or now)
            if takes_s and waited_s >= max(TAKE_OVER_READ_S, takes_s):
                take_over_read(swarm, member, chunk, now)
            return
        best = self._sources.least_loaded(member, holders, now, None)
        if best != NO_SOURCE and swarm.members[best].speed_class <= member.speed_class:
            move_order(swarm, member, chunk, best)


def take_over_read(swarm: SwarmState, member: Member, chunk: int, now: float) -> bool:
    """The member continues what a slower node above it reads from the origin, if it may.

    The slow node, and its faster children, receive the chunk from the member. A moved order keeps
    its bytes, so next to nothing is transferred twice.
    """
    slow = swarm.members[top_of(swarm, member.index, chunk)]
    if not swarm.pending[chunk] & slow.bit or slow.speed_class <= member.speed_class:
        return False
    if now < swarm.origin_rest_until or not swarm.available & member.bit:
        return False
    if not origin_budget.may_read(swarm, member, 1, given_up=1):
        return False
    for node in children_of(swarm, slow.index, chunk):
        child = swarm.members[node]
        if child is not member and child.speed_class < slow.speed_class:
            move_order(swarm, child, chunk, member.index)
    move_order(swarm, slow, chunk, member.index)
    move_order(swarm, member, chunk, ORIGIN)
    swarm.last_reader[chunk] = member.index
    return True
