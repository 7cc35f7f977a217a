"""How many orders may read the origin: in the whole swarm, and on one node."""

from __future__ import annotations

from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.tuning import FIRST_ORIGIN_READS, READER_SHARE_FACTOR


def is_exhausted(swarm: SwarmState) -> bool:
    """Whether no node at all may read the origin now."""
    return swarm.origin_load >= swarm.settings.origin_slots or (
        0 < swarm.origin_orders >= swarm.origin_window
    )


def may_read(swarm: SwarmState, member: Member, count: int, given_up: int = 0) -> bool:
    """Whether the member may have `count` more origin orders, if others give up `given_up`.

    Nodes that want different chunks have equal shares of the window: none reads for the others.
    """
    if swarm.denied & member.bit:
        return False
    readers = len(swarm.members) - (swarm.catching_up | swarm.denied).bit_count()
    factor = READER_SHARE_FACTOR if swarm.want_sets == 1 else 1
    share = max(FIRST_ORIGIN_READS, factor * swarm.origin_window // max(1, readers))
    if member.origin_orders and member.origin_orders + count > min(member.origin_window, share):
        return False
    added = count - given_up
    if swarm.origin_orders and added > 0 and swarm.origin_orders + added > swarm.origin_window:
        return False
    return swarm.origin_load + added_load(swarm, member, count) <= swarm.settings.origin_slots


def added_load(swarm: SwarmState, member: Member, count: int) -> int:
    """How many of `count` more origin orders of the member may run at once.

    A node runs no more of them at a time than it has download slots.
    """
    slots = swarm.settings.download_slots
    return min(member.origin_orders + count, slots) - min(member.origin_orders, slots)


def add_orders(swarm: SwarmState, member: Member, count: int) -> None:
    """Books `count` more origin orders of the member, or fewer if it is negative."""
    swarm.origin_load += added_load(swarm, member, count)
    swarm.origin_orders += count
    member.origin_orders += count
