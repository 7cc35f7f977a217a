"""Nodes that the origin refuses: with credentials of their own, or without any.

One node may lack what the others have: a role, a variable, a file. It reads nothing for a while
then, and receives from its peers what they read. The object itself is refused once several nodes
were denied it in a row, or if no other node is left to read it.
"""

from __future__ import annotations

from xfd_api.errors import AccessDeniedError, CredentialsError, XfdError
from xfd_api.ids import ObjectIndex
from xfd_scheduler.bounds import DENIALS_TO_REFUSE, DENIED_SHARE_DIVISOR
from xfd_scheduler.intake.copies import ask_anew
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import ORIGIN
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState


def is_denial(error: XfdError) -> bool:
    """Whether another node with other credentials might read it."""
    return isinstance(error, AccessDeniedError | CredentialsError)


def leave_to_others(swarm: SwarmState, member: Member, chunk: int, now: float) -> bool:
    """Has others read the chunk, whose order at this node is over; False if none of them could.

    Nodes that wait for the chunk at this node are asked anew, since one of them may have to read.
    """
    items = swarm.catalog.objects_of[chunk]
    for item in items:
        swarm.denials[item] = swarm.denials.get(item, 0) | member.bit
    if any(_is_refused_to_all(swarm, item, chunk) for item in items):
        for item in items:
            # The object is to blame, or all credentials, and not these nodes.
            swarm.denied &= ~swarm.denials.pop(item)
        return False
    swarm.denied |= member.bit
    swarm.resting_readers.set(member.index, now + swarm.settings.rest_ceiling_s)
    ask_anew(swarm, member, chunk)
    return True


def was_read(swarm: SwarmState, chunk: int) -> None:
    """A node has read the chunk: whoever could not, or is denied it, is itself to blame."""
    swarm.read_failures.pop(chunk, None)
    for item in swarm.catalog.objects_of[chunk]:
        swarm.denials.pop(item, None)


def _is_refused_to_all(swarm: SwarmState, item: ObjectIndex, chunk: int) -> bool:
    """Whether the origin would refuse other nodes as well, as far as can be known."""
    denied = swarm.denials[item]
    useless = denied | swarm.denied | swarm.silent
    others = [member for member in swarm.members.values() if not member.bit & useless]
    if not any(member.wants >> chunk & 1 for member in others):
        return True
    count = denied.bit_count()
    if count < DENIALS_TO_REFUSE:
        return False
    is_tried = any(
        not useless >> node & 1 and swarm.source_of(node, other) == ORIGIN
        for other in swarm.catalog.chunks_of[item]
        for node in positions(swarm.pending[other])
    )
    return not is_tried or count >= len(swarm.members) // DENIED_SHARE_DIVISOR
