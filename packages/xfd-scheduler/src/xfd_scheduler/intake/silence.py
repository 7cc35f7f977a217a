"""Nodes that nobody waits for at the moment.

A node is silent if it does not answer, and may again: a stopped process, a cut link. It is mute if
it answers, and its peers get nothing from it: a link that is cut one way, a disk that hangs.

Nobody waits for a silent node. Other nodes ask others for what it was to send, or read it from the
origin. It keeps its orders, and goes on with them if it is heard again; what others have read
meanwhile it then receives from them (`policy.reconsider`).
"""

from __future__ import annotations

from xfd_scheduler.intake.copies import wait_no_more
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState


def fall_silent(swarm: SwarmState, member: Member) -> None:
    """No node waits for this one until it is heard again.

    If most nodes do not answer, the coordinator itself is cut off or has no time: nothing changes.
    """
    silent = swarm.silent | member.bit
    if silent == swarm.silent or 2 * silent.bit_count() > len(swarm.members):
        return
    swarm.silent = silent
    swarm.heard_again &= ~member.bit
    wait_no_more(swarm, member)


def fall_mute(swarm: SwarmState, member: Member) -> None:
    """No node waits for what this one was to send, until its rest is over.

    If most nodes send nothing, the network is at fault: nothing changes.
    """
    mute = swarm.mute | member.bit
    if 2 * mute.bit_count() > len(swarm.members):
        return
    swarm.mute = mute
    wait_no_more(swarm, member)


def be_heard(swarm: SwarmState, member: Member) -> None:
    """The node answers; it may be a source again, unless it rests or is banned."""
    if not swarm.silent & member.bit:
        return
    swarm.silent &= ~member.bit
    swarm.heard_again |= member.bit
    if not swarm.banned & member.bit and member.index not in swarm.resting_peers:
        swarm.available |= member.bit
    swarm.update_rarities(member.bit)
