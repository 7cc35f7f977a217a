"""Bad copies: bans nodes that serve them, discards what may be bad, reopens what hangs on it."""

from __future__ import annotations

from xfd_api.ids import ChunkIndex
from xfd_api.orders import Discard
from xfd_scheduler.bounds import COMPLAINTS_TO_DISCARD
from xfd_scheduler.state.bitset import positions
from xfd_scheduler.state.keys import key_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.relay_paths import children_of, subtree_of
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import (
    cancel_order,
    drop_chunk,
    new_generation,
    open_chunk,
)


def complain(swarm: SwarmState, peer: Member, chunk: int, by: Member) -> None:
    """A node received bad bytes from a peer: bans it, and discards its copy after two."""
    ban(swarm, peer)
    complaints = swarm.complaints.setdefault(key_of(peer.index, chunk), set())
    complaints.add(by.index)
    if len(complaints) == COMPLAINTS_TO_DISCARD:
        discard(swarm, peer, [chunk])


def ban(swarm: SwarmState, member: Member) -> None:
    """Never names this node as a source again."""
    if swarm.banned & member.bit:
        return
    swarm.banned |= member.bit
    wait_no_more(swarm, member)


def wait_no_more(swarm: SwarmState, member: Member) -> None:
    """The node is unusable now: the orders that name it as their source are opened again."""
    swarm.available &= ~member.bit
    swarm.update_rarities(member.bit)
    for chunk in positions(swarm.pending_chunks):
        reopen_children(swarm, member.index, chunk)


def discard(swarm: SwarmState, member: Member, chunks: list[int]) -> None:
    """Discards what the node holds or fetches of these chunks; opens those that it still wants.

    Nodes that wait here for a chunk that it does not want any more ask others.
    """
    gone = []
    for chunk in chunks:
        if swarm.holders[chunk] & member.bit:
            swarm.holders[chunk] &= ~member.bit
            new_generation(swarm, member.index, chunk)
            swarm.update_rarity(chunk)
        elif swarm.pending[chunk] & member.bit:
            cancel_order(swarm, member, chunk)
        else:
            continue
        gone.append(ChunkIndex(chunk))
        if (member.wants >> chunk) & 1 and is_still_wanted(swarm, member, chunk):
            open_chunk(swarm, member, chunk)
        else:
            reopen_children(swarm, member.index, chunk)
    if gone:
        member.pending_orders.append(Discard(tuple(gone)))


def give_up_chunk(swarm: SwarmState, member: Member, chunk: int) -> None:
    """The node no longer wants the chunk; nodes that wait for it there ask others."""
    if swarm.holders[chunk] & member.bit:
        new_generation(swarm, member.index, chunk)
        member.wants &= ~(1 << chunk)
        return
    was_pending = swarm.pending[chunk] & member.bit
    drop_chunk(swarm, member, chunk)
    if was_pending or swarm.pending[chunk]:
        reopen_children(swarm, member.index, chunk)


def reopen_children(swarm: SwarmState, source: int, chunk: int) -> None:
    """Cancels the orders for the chunk that name this source, and opens them again."""
    for node in children_of(swarm, source, chunk):
        reopen(swarm, swarm.members[node], chunk)


def reopen(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Pending -> open; the order is cancelled."""
    cancel_order(swarm, member, chunk)
    open_chunk(swarm, member, chunk)


def ask_anew(swarm: SwarmState, member: Member, chunk: int) -> None:
    """Opens a chunk whose order at a node is over, there and on all nodes below it."""
    for node in positions(subtree_of(swarm, member.index, chunk) & ~member.bit):
        reopen(swarm, swarm.members[node], chunk)
    open_chunk(swarm, member, chunk)


def is_still_wanted(swarm: SwarmState, member: Member, chunk: int) -> bool:
    """Whether some object of the chunk may still land on the node, by its own writing."""
    done = member.landed | member.failed
    return any(
        member.inventoried & ~done & (1 << item) and item not in member.locked_by_other
        for item in swarm.catalog.objects_of[chunk]
    )
