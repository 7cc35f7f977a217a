"""Nodes that do not answer, and may again: stopped processes, cut links.

Nobody waits for such a node. Other nodes ask others for what it was to send, or read it from the
origin. It keeps its orders, and goes on with them if it is heard again; what others have read
meanwhile it then receives from them (`policy.reconsider`).
"""

from __future__ import annotations

from xfd_scheduler.intake.copies import reopen_children
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState


def fall_silent(swarm: SwarmState, member: Member) -> None:
    """No node waits for this one until it is heard again.

    If most nodes do not answer, the coordinator itself is cut off or has no time: nothing changes.
    """
    silent = swarm.silent | member.bit
    if silent == swarm.silent or 2 * silent.bit_count() > len(swarm.members):
        return
    swarm.silent |= member.bit
    swarm.heard_again &= ~member.bit
    swarm.available &= ~member.bit
    for chunk in range(len(swarm.pending)):
        if (swarm.holders[chunk] | swarm.pending[chunk]) & member.bit:
            swarm.update_rarity(chunk)
        if swarm.pending[chunk]:
            reopen_children(swarm, member.index, chunk)


def be_heard(swarm: SwarmState, member: Member) -> None:
    """The node answers; it may be a source again, unless it rests or is banned."""
    if not swarm.silent & member.bit:
        return
    swarm.silent &= ~member.bit
    swarm.heard_again |= member.bit
    if not swarm.banned & member.bit and member.index not in swarm.resting_peers:
        swarm.available |= member.bit
    for chunk in range(len(swarm.pending)):
        if (swarm.holders[chunk] | swarm.pending[chunk]) & member.bit:
            swarm.update_rarity(chunk)
